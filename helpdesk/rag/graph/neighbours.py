"""Edges between alike tickets: each ticket's list of its nearest ones, above a cut.

A list is stored as edges `similar` from the ticket; two tickets are joined where each is on the other's list. Who is on
a list depends on every other ticket, so the lists are a cache: indexing a ticket mends those it touches at once, and a
job makes all of them anew every night. The comparison is of what was asked, the first passage of each ticket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.graph.likeness import Cuts, cuts_for
from helpdesk.rag.graph.links import drop_lonely, ensure_nodes, lock_graph

NEIGHBOURS = 10
# Replies and notes of other tickets are passages, too, and stand between the questions.
_PASSAGES = 5 * NEIGHBOURS
# An exact comparison with more passages than this takes too long for the transaction that indexes a ticket.
_EXACT_PASSAGES = 10_000

_IS_QUICK = text("""
    SELECT coalesce((SELECT chunks <= :most FROM rag_corpus_stats
                      WHERE organization_id = :organization_id AND source_type = 'ticket'), true)
        OR EXISTS (SELECT FROM rag_vector_indexes
                    WHERE organization_id = :organization_id AND source_type = 'ticket' AND model_id = :model_id
                      AND usable)
""")
# {vectors} is the name of a model's table, made by the database itself.
_LISTS = """
    SELECT t.source_id AS ticket, t.title, near.source_id AS neighbour, near.title AS neighbour_title, near.similarity
      FROM rag_documents t
      JOIN rag_chunks own ON own.document_id = t.id AND own.ordinal = 0
      JOIN {vectors} v ON v.chunk_id = own.id
      LEFT JOIN LATERAL (
            SELECT n.source_id, d.title, n.similarity
              FROM rag_nearest(:organization_id, v.embedding, '{{ticket}}', '{{public}}', t.source_id, :passages,
                               CAST(:model_id AS smallint)) n
              JOIN rag_chunks c ON c.id = n.chunk_id AND c.ordinal = 0
              JOIN rag_documents d ON d.id = n.document_id
             WHERE n.similarity >= :alike
             ORDER BY n.similarity DESC, n.source_id LIMIT :most) near ON true
     WHERE t.organization_id = :organization_id AND t.source_type = 'ticket'
       AND t.source_id = ANY(CAST(:tickets AS uuid[])) AND t.deleted_at IS NULL
"""
_DROP_OF_TICKET = text("""
    DELETE FROM rag_edges e USING rag_nodes n
     WHERE n.organization_id = :organization_id AND n.kind = 'ticket' AND n.source_id = :ticket
       AND e.kind = 'similar' AND (e.source = n.id OR e.destination = n.id)
    RETURNING e.source, e.destination
""")
_DROP_LISTS = text("""
    DELETE FROM rag_edges e USING rag_nodes n
     WHERE n.organization_id = :organization_id AND n.kind = 'ticket' AND n.source_id = ANY(CAST(:tickets AS uuid[]))
       AND e.kind = 'similar' AND e.source = n.id
    RETURNING e.source, e.destination
""")
_ADD = text("""
    INSERT INTO rag_edges (source, destination, kind, organization_id, origin, weight, extractor_version)
    SELECT u.source, u.destination, 'similar', :organization_id, 'similarity', u.weight, :model_id
      FROM unnest(CAST(:sources AS uuid[]), CAST(:destinations AS uuid[]), CAST(:weights AS float8[]))
           AS u (source, destination, weight)
        ON CONFLICT (source, destination, kind) DO UPDATE SET
           weight = excluded.weight, extractor_version = excluded.extractor_version
""")
_TRIM = text("""
    DELETE FROM rag_edges e USING (
        SELECT source, destination, row_number() OVER (PARTITION BY source ORDER BY weight DESC, destination) AS place
          FROM rag_edges WHERE source = ANY(CAST(:nodes AS uuid[])) AND kind = 'similar') listed
     WHERE e.source = listed.source AND e.destination = listed.destination AND e.kind = 'similar'
       AND listed.place > :most
    RETURNING e.destination
""")
_INDEXED = text("""
    SELECT source_id FROM rag_documents
     WHERE organization_id = :organization_id AND source_type = 'ticket' AND deleted_at IS NULL
       AND source_id = ANY(CAST(:tickets AS uuid[]))
""")
_NEXT = text("""
    SELECT source_id FROM rag_documents
     WHERE organization_id = :organization_id AND source_type = 'ticket' AND deleted_at IS NULL
       AND source_id > :after
     ORDER BY source_id LIMIT :most
""")
_COUNT = text("""
    SELECT count(*) FROM rag_documents
     WHERE organization_id = :organization_id AND source_type = 'ticket' AND deleted_at IS NULL
""")
_PRUNE_EDGES = text("""
    DELETE FROM rag_edges e USING rag_nodes n
     WHERE n.organization_id = :organization_id AND n.kind = 'ticket' AND e.source = n.id AND e.kind = 'similar'
       AND (e.extractor_version <> :model_id OR NOT EXISTS (
            SELECT FROM rag_documents d WHERE d.organization_id = :organization_id AND d.source_type = 'ticket'
               AND d.source_id = n.source_id AND d.deleted_at IS NULL))
""")
_PRUNE_NODES = text("""
    DELETE FROM rag_nodes n
     WHERE n.organization_id = :organization_id
       AND NOT EXISTS (SELECT FROM rag_edges e WHERE e.source = n.id)
       AND NOT EXISTS (SELECT FROM rag_edges e WHERE e.destination = n.id)
""")
_FIRST = UUID(int=0)


@dataclass(frozen=True)
class _Near:
    ticket: UUID
    title: str
    neighbour: UUID
    neighbour_title: str
    similarity: float


async def replace_neighbours(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, model: ActiveModel
) -> None:
    """Join a ticket to those most like it, by the vectors stored now; call it once its own is written.

    Where an organisation has so many tickets that comparing takes long, and no graph index yet, this is left to the
    nightly job.
    """
    scope: dict[str, Any] = {"organization_id": organization_id, "model_id": model.id}
    cuts = await cuts_for(session, organization_id=organization_id, model=model)
    if cuts is None or not await session.scalar(_IS_QUICK, scope | {"most": _EXACT_PASSAGES}):
        return
    await lock_graph(session, organization_id=organization_id)
    found = await _lists(session, scope, [ticket_id], model, cuts)
    dropped = await session.execute(_DROP_OF_TICKET, {"organization_id": organization_id, "ticket": ticket_id})
    before = {node for row in dropped for node in row}
    after = await _add(session, scope, found, both_ways=True)
    lost = await session.scalars(_TRIM, {"nodes": sorted(after), "most": NEIGHBOURS})
    await drop_lonely(session, organization_id=organization_id, nodes=(before - after) | set(lost))


async def refresh_neighbours(
    session: AsyncSession, *, organization_id: UUID, tickets: Sequence[UUID], model: ActiveModel, cuts: Cuts
) -> None:
    """Make the lists of some tickets anew."""
    scope: dict[str, Any] = {"organization_id": organization_id, "model_id": model.id}
    # Compared before the lock: nobody who indexes is kept waiting meanwhile.
    found = await _lists(session, scope, tickets, model, cuts)
    await lock_graph(session, organization_id=organization_id)
    named = {near.ticket for near in found} | {near.neighbour for near in found}
    there = set(await session.scalars(_INDEXED, {"organization_id": organization_id, "tickets": sorted(named)}))
    dropped = await session.execute(_DROP_LISTS, {"organization_id": organization_id, "tickets": list(tickets)})
    before = {node for row in dropped for node in row}
    kept = [near for near in found if near.ticket in there and near.neighbour in there]
    after = await _add(session, scope, kept, both_ways=False)
    await drop_lonely(session, organization_id=organization_id, nodes=before - after)


async def next_tickets(session: AsyncSession, *, organization_id: UUID, after: UUID | None, most: int) -> list[UUID]:
    """Return ids of indexed tickets, in their order, from one on."""
    scope = {"organization_id": organization_id, "after": after or _FIRST, "most": most}
    return list(await session.scalars(_NEXT, scope))


async def count_tickets(session: AsyncSession, *, organization_id: UUID) -> int:
    """Return how many tickets are indexed."""
    counted: int = (await session.execute(_COUNT, {"organization_id": organization_id})).scalar_one()
    return counted


async def prune(session: AsyncSession, *, organization_id: UUID, model: ActiveModel) -> None:
    """Delete edges between tickets that another model found or that are gone, and nodes that no edge leads to."""
    await lock_graph(session, organization_id=organization_id)
    await session.execute(_PRUNE_EDGES, {"organization_id": organization_id, "model_id": model.id})
    await session.execute(_PRUNE_NODES, {"organization_id": organization_id})


async def can_compare(session: AsyncSession, *, organization_id: UUID, model: ActiveModel, most: int) -> bool:
    """Return whether a comparison is with at most this many passages, or by a graph index."""
    scope = {"organization_id": organization_id, "model_id": model.id, "most": most}
    return bool(await session.scalar(_IS_QUICK, scope))


async def _lists(
    session: AsyncSession, scope: dict[str, Any], tickets: Sequence[UUID], model: ActiveModel, cuts: Cuts
) -> list[_Near]:
    values = {"tickets": list(tickets), "alike": cuts.alike, "passages": _PASSAGES, "most": NEIGHBOURS}
    rows = await session.execute(text(_LISTS.format(vectors=model.table_name)), scope | values)
    return [_Near(**row) for row in rows.mappings() if row["neighbour"] is not None]


async def _add(session: AsyncSession, scope: dict[str, Any], found: Sequence[_Near], *, both_ways: bool) -> set[UUID]:
    """Insert the edges of lists, and the opposite ones where they are to be tried; return the nodes at their ends."""
    if not found:
        return set()
    labels = {(str(SourceType.TICKET), near.neighbour): near.neighbour_title for near in found}
    labels |= {(str(SourceType.TICKET), near.ticket): near.title for near in found}
    nodes = await ensure_nodes(session, organization_id=scope["organization_id"], labels=labels)
    by_ticket = {source_id: node for (_, source_id), node in nodes.items()}
    weights: defaultdict[tuple[UUID, UUID], float] = defaultdict(float)
    for near in found:
        weights[by_ticket[near.ticket], by_ticket[near.neighbour]] = near.similarity
        if both_ways:
            weights[by_ticket[near.neighbour], by_ticket[near.ticket]] = near.similarity
    await session.execute(
        _ADD,
        scope
        | {
            "sources": [source for source, _ in weights],
            "destinations": [destination for _, destination in weights],
            "weights": list(weights.values()),
        },
    )
    return set(nodes.values())
