"""What sources say of each other: edges that people or texts make, replaced when their source is indexed.

A node exists as long as an edge leads from it or to it. All that is written here is a function of the sources, so that
an index grown by any sequence of changes has the graph of one that is made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType

# Part of every source's hash: by a changed rule, no source is as it was.
EXTRACTOR_VERSION = 2


class EdgeKind(StrEnum):
    """What one thing may have to do with another.

    `about`, `requested_by`, `for_company` and `owned_by` are what people said; `cites` is an article that an agent sent
    the requester, `solved_by` the same once the ticket is settled; `mentions` an asset that a text names, `links_to` an
    article that another one refers to; `similar` joins tickets.
    """

    ABOUT = "about"
    CITES = "cites"
    FOR_COMPANY = "for_company"
    LINKS_TO = "links_to"
    MENTIONS = "mentions"
    OWNED_BY = "owned_by"
    REQUESTED_BY = "requested_by"
    SIMILAR = "similar"
    SOLVED_BY = "solved_by"


@dataclass(frozen=True)
class Link:
    """An edge of the graph from a source to another thing.

    Attributes:
        kind: an EdgeKind.
        target_kind: ticket, kb, asset, requester or company.
        origin: explicit where a person said so, rule where a text was read.
        label: what the target is called.
        evidence: the words that say so, where a text was read.
        happened_at: since when it is so; the vote of a solved ticket fades from then on.
    """

    kind: str
    target_kind: str
    target: UUID
    label: str
    origin: Literal["explicit", "rule"]
    evidence: str | None = None
    happened_at: datetime | None = None


# Whoever writes edges of an organisation waits for those who do already. What comes after sees what they wrote, so no
# node goes while somebody leads an edge to it, and two sources that share their targets never deadlock.
_LOCK = text("SELECT pg_advisory_xact_lock(7201735, hashtext(:organization_id))")
_NODES = text("""
    INSERT INTO rag_nodes AS n (id, organization_id, kind, source_id, label)
    SELECT u.id, :organization_id, u.kind, u.source_id, u.label
      FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:sources AS uuid[]), CAST(:labels AS text[]))
           AS u (id, kind, source_id, label)
        ON CONFLICT (organization_id, kind, source_id) DO UPDATE SET label = excluded.label
    RETURNING n.kind, n.source_id, n.id
""")
_DROP_EDGES = text("""
    DELETE FROM rag_edges e USING rag_nodes n
     WHERE n.organization_id = :organization_id AND n.kind = :kind AND n.source_id = :source_id
       AND e.organization_id = :organization_id AND e.source = n.id AND e.origin IN ('explicit', 'rule')
    RETURNING e.source, e.destination
""")
_EDGES = text("""
    INSERT INTO rag_edges
           (source, destination, kind, organization_id, origin, extractor_version, evidence, happened_at)
    SELECT :node, u.destination, u.kind, :organization_id, u.origin, :version, u.evidence, u.happened_at
      FROM unnest(CAST(:destinations AS uuid[]), CAST(:kinds AS text[]), CAST(:origins AS text[]),
                  CAST(:evidence AS text[]), CAST(:times AS timestamptz[]))
           AS u (destination, kind, origin, evidence, happened_at)
        ON CONFLICT (source, destination, kind) DO UPDATE SET
           origin = excluded.origin, extractor_version = excluded.extractor_version, evidence = excluded.evidence,
           happened_at = excluded.happened_at
""")
_NODE_AND_NEIGHBOURS = text("""
    SELECT n.id, e.other FROM rag_nodes n
      LEFT JOIN LATERAL (SELECT o.destination AS other FROM rag_edges o WHERE o.source = n.id
                   UNION SELECT i.source FROM rag_edges i WHERE i.destination = n.id) e ON true
     WHERE n.organization_id = :organization_id AND n.kind = :kind AND n.source_id = :source_id
""")
_DROP_NODE = text("DELETE FROM rag_nodes WHERE organization_id = :organization_id AND id = :node")
_DROP_LONELY = text("""
    DELETE FROM rag_nodes n
     WHERE n.organization_id = :organization_id AND n.id = ANY(CAST(:nodes AS uuid[]))
       AND NOT EXISTS (SELECT FROM rag_edges e WHERE e.source = n.id)
       AND NOT EXISTS (SELECT FROM rag_edges e WHERE e.destination = n.id)
""")


def without_repeats(links: Sequence[Link]) -> list[Link]:
    """Keep the first link of each kind and target, in an order of their own: equal sources have equal hashes."""
    unique = {(link.kind, link.target): link for link in reversed(links)}
    return [unique[key] for key in sorted(unique, key=str)]


async def lock_graph(session: AsyncSession, *, organization_id: UUID) -> None:
    """Keep everybody else from writing edges of the organisation until the transaction ends."""
    await session.execute(_LOCK, {"organization_id": str(organization_id)})


async def replace_links(
    session: AsyncSession,
    *,
    organization_id: UUID,
    source_type: SourceType,
    source_id: UUID,
    label: str,
    links: Sequence[Link],
) -> None:
    """Let the graph say of a source what the source says now, and nothing it said before."""
    await lock_graph(session, organization_id=organization_id)
    source = {"organization_id": organization_id, "kind": source_type, "source_id": source_id}
    dropped = await session.execute(_DROP_EDGES, source)
    before = {node for row in dropped for node in row}
    after = await _add_links(session, organization_id, (str(source_type), source_id), label, links) if links else set()
    await drop_lonely(session, organization_id=organization_id, nodes=before - after)


async def _add_links(
    session: AsyncSession, organization_id: UUID, source: tuple[str, UUID], label: str, links: Sequence[Link]
) -> set[UUID]:
    # The source last: where it is its own target, its own name holds.
    wanted = {(link.target_kind, link.target): link.label for link in links} | {source: label}
    nodes = await ensure_nodes(session, organization_id=organization_id, labels=wanted)
    await session.execute(
        _EDGES,
        {
            "organization_id": organization_id,
            "node": nodes[source],
            "version": EXTRACTOR_VERSION,
            "destinations": [nodes[link.target_kind, link.target] for link in links],
            "kinds": [link.kind for link in links],
            "origins": [link.origin for link in links],
            "evidence": [link.evidence for link in links],
            "times": [link.happened_at for link in links],
        },
    )
    return set(nodes.values())


async def ensure_nodes(
    session: AsyncSession, *, organization_id: UUID, labels: dict[tuple[str, UUID], str]
) -> dict[tuple[str, UUID], UUID]:
    """Return the ids of nodes by kind and source, made where they are missing; the graph is locked."""
    keys = sorted(labels)
    rows = await session.execute(
        _NODES,
        {
            "organization_id": organization_id,
            "ids": [new_id() for _ in keys],
            "kinds": [kind for kind, _ in keys],
            "sources": [source_id for _, source_id in keys],
            "labels": [labels[key] for key in keys],
        },
    )
    return {(row.kind, row.source_id): row.id for row in rows}


async def drop_node(session: AsyncSession, *, organization_id: UUID, source_type: SourceType, source_id: UUID) -> None:
    """Take a source out of the graph with all its edges, and what only they kept in it."""
    await lock_graph(session, organization_id=organization_id)
    source = {"organization_id": organization_id, "kind": source_type, "source_id": source_id}
    rows = (await session.execute(_NODE_AND_NEIGHBOURS, source)).all()
    if not rows:
        return
    await session.execute(_DROP_NODE, {"organization_id": organization_id, "node": rows[0].id})
    await drop_lonely(
        session, organization_id=organization_id, nodes={row.other for row in rows if row.other is not None}
    )


async def drop_lonely(session: AsyncSession, *, organization_id: UUID, nodes: set[UUID]) -> None:
    """Delete those among the nodes that have no edge left; the graph is locked."""
    if nodes:
        await session.execute(_DROP_LONELY, {"organization_id": organization_id, "nodes": sorted(nodes)})
