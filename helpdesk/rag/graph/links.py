"""The graph between tickets, articles, assets and requesters: what sources say of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType

# A changed rule reads every source anew.
EXTRACTOR_VERSION = 1


@dataclass(frozen=True)
class Link:
    """An edge of the graph from a source to another thing.

    Attributes:
        kind: about, requested_by, solved_by or mentions.
        target_kind: ticket, kb, asset or requester.
        origin: explicit where a person said so, rule where a text was read.
        label: what the target is called.
    """

    kind: str
    target_kind: str
    target: UUID
    label: str
    origin: Literal["explicit", "rule"]


# In the order of kind and source, so that two tickets about one asset wait and never deadlock.
_NODES = text("""
    INSERT INTO rag_nodes AS n (id, organization_id, kind, source_id, label)
    SELECT u.id, :organization_id, u.kind, u.source_id, u.label
      FROM unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]), CAST(:sources AS uuid[]), CAST(:labels AS text[]))
           AS u (id, kind, source_id, label)
     ORDER BY u.kind, u.source_id
        ON CONFLICT (organization_id, kind, source_id) DO UPDATE SET label = excluded.label
    RETURNING n.kind, n.source_id, n.id
""")
_DROP_EDGES = text("""
    DELETE FROM rag_edges e USING rag_nodes n
     WHERE n.organization_id = :organization_id AND n.kind = :kind AND n.source_id = :source_id
       AND e.organization_id = :organization_id AND e.source = n.id AND e.origin IN ('explicit', 'rule')
""")
_EDGES = text("""
    INSERT INTO rag_edges (source, destination, kind, organization_id, origin, extractor_version)
    SELECT :node, u.destination, u.kind, :organization_id, u.origin, :version
      FROM unnest(CAST(:destinations AS uuid[]), CAST(:kinds AS text[]), CAST(:origins AS text[]))
           AS u (destination, kind, origin)
        ON CONFLICT (source, destination, kind) DO UPDATE SET
           origin = excluded.origin, extractor_version = excluded.extractor_version
""")
_DROP_NODE = text("""
    DELETE FROM rag_nodes WHERE organization_id = :organization_id AND kind = :kind AND source_id = :source_id
""")


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
    await session.execute(
        _DROP_EDGES, {"organization_id": organization_id, "kind": source_type, "source_id": source_id}
    )
    if not links:
        return
    wanted: dict[tuple[str, UUID], str] = {(str(source_type), source_id): label}
    wanted.update({(link.target_kind, link.target): link.label for link in links})
    rows = await session.execute(_NODES, _node_values(organization_id, wanted))
    nodes = {(row.kind, row.source_id): row.id for row in rows}
    await session.execute(
        _EDGES,
        {
            "organization_id": organization_id,
            "node": nodes[str(source_type), source_id],
            "version": EXTRACTOR_VERSION,
            "destinations": [nodes[link.target_kind, link.target] for link in links],
            "kinds": [link.kind for link in links],
            "origins": [link.origin for link in links],
        },
    )


async def drop_node(session: AsyncSession, *, organization_id: UUID, source_type: SourceType, source_id: UUID) -> None:
    """Take a source out of the graph with all its edges."""
    await session.execute(_DROP_NODE, {"organization_id": organization_id, "kind": source_type, "source_id": source_id})


def _node_values(organization_id: UUID, wanted: dict[tuple[str, UUID], str]) -> dict[str, object]:
    keys: Sequence[tuple[str, UUID]] = list(wanted)
    return {
        "organization_id": organization_id,
        "ids": [new_id() for _ in keys],
        "kinds": [kind for kind, _ in keys],
        "sources": [source_id for _, source_id in keys],
        "labels": [wanted[key] for key in keys],
    }
