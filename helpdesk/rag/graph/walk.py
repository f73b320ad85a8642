"""Walk the graph from a thing: its neighbours, theirs, and so on, breadth first and within bounds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.graph.links import EdgeKind
from helpdesk.rag.graph.nodes import NodeKind, Thing, things

# One row a depth: its new nodes, and all seen so far, so that a circle ends. Of a node with thousands of neighbours
# only the newest are read, by the order of the indexes. Alike tickets are joined where each is on the other's list.
_REACHED = text("""
    WITH RECURSIVE walk (depth, frontier, seen) AS (
        SELECT 0, ARRAY[n.id], ARRAY[n.id] FROM rag_nodes n
         WHERE n.organization_id = :organization_id AND n.kind = :kind AND n.source_id = :source_id
        UNION ALL
        SELECT w.depth + 1, step.nodes, w.seen || step.nodes
          FROM walk w CROSS JOIN LATERAL (
            SELECT array_agg(new.node ORDER BY new.place, new.node DESC) AS nodes FROM (
                SELECT near.node, min(f.place) AS place
                  FROM unnest(w.frontier) WITH ORDINALITY AS f (node, place)
                 CROSS JOIN LATERAL (
                    (SELECT e.destination AS node FROM rag_edges e
                       JOIN rag_nodes n ON n.id = e.destination AND n.kind = ANY(CAST(:node_kinds AS text[]))
                      WHERE e.source = f.node AND e.organization_id = :organization_id
                        AND e.kind = ANY(CAST(:edge_kinds AS text[]))
                        AND (e.kind <> 'similar' OR EXISTS (SELECT FROM rag_edges b
                              WHERE b.source = e.destination AND b.destination = e.source AND b.kind = 'similar'))
                      ORDER BY e.destination DESC LIMIT :most)
                    UNION ALL
                    (SELECT e.source FROM rag_edges e
                       JOIN rag_nodes n ON n.id = e.source AND n.kind = ANY(CAST(:node_kinds AS text[]))
                      WHERE e.destination = f.node AND e.organization_id = :organization_id
                        AND e.kind = ANY(CAST(:edge_kinds AS text[])) AND e.kind <> 'similar'
                      ORDER BY e.source DESC LIMIT :most)) near
                 WHERE near.node <> ALL(w.seen)
                 GROUP BY near.node ORDER BY place, near.node DESC
                 LIMIT :most - cardinality(w.seen)) new) step
         WHERE w.depth < :depth AND cardinality(w.seen) < :most AND step.nodes IS NOT NULL)
    SELECT n.id, n.kind, n.source_id, w.depth
      FROM walk w CROSS JOIN LATERAL unnest(w.frontier) WITH ORDINALITY AS f (node, place)
      JOIN rag_nodes n ON n.id = f.node
     ORDER BY w.depth, f.place
""")
_EDGES = text("""
    SELECT e.source, e.destination, e.kind, e.origin, e.weight, e.extractor_version, e.evidence, e.happened_at,
           e.created_at
      FROM rag_edges e
     WHERE e.organization_id = :organization_id AND e.source = ANY(CAST(:nodes AS uuid[]))
       AND e.destination = ANY(CAST(:nodes AS uuid[])) AND e.kind = ANY(CAST(:edge_kinds AS text[]))
       AND (e.kind <> 'similar' OR e.source < e.destination AND EXISTS (SELECT FROM rag_edges b
             WHERE b.source = e.destination AND b.destination = e.source AND b.kind = 'similar'))
     ORDER BY e.kind, e.weight DESC, e.source, e.destination
""")


@dataclass(frozen=True)
class GraphNode:
    """A thing and how many edges it is away."""

    thing: Thing
    depth: int


@dataclass(frozen=True)
class GraphEdge:
    """What one thing has to do with another.

    Attributes:
        origin: explicit where a person said so, rule where a text was read, similarity where vectors were compared.
        weight: 1, or the similarity of two tickets.
        extractor_version: of the rules; of a similarity, the embedding model's id.
        evidence: the words that say so, where a text was read.
        happened_at: since when a ticket is solved by an article.
        created_at: when the index wrote it.
    """

    source: Thing
    target: Thing
    kind: str
    origin: str
    weight: float
    extractor_version: int
    evidence: str | None
    happened_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class Surroundings:
    """What is around a thing, the thing itself first.

    Attributes:
        truncated: there is more than was asked for.
    """

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool


async def surroundings(
    session: AsyncSession,
    *,
    organization_id: UUID,
    start: Thing,
    depth: int,
    most: int,
    node_kinds: Collection[str] = tuple(NodeKind),
    edge_kinds: Collection[str] = tuple(EdgeKind),
) -> Surroundings:
    """Return what can be reached from a thing over at most `depth` edges in either direction, nearest first.

    Args:
        most: nodes to return, the thing itself included.
        node_kinds: kinds of things to pass through; the start may be of another.
        edge_kinds: kinds of edges to follow.
    """
    scope = {"organization_id": organization_id, "edge_kinds": list(edge_kinds)}
    values = {"kind": start.kind, "source_id": start.id, "depth": depth, "node_kinds": list(node_kinds)}
    # One more than is wanted tells whether there is more.
    reached = (await session.execute(_REACHED, scope | values | {"most": most + 1})).mappings().all()
    shown = await _named(session, organization_id, reached[:most])
    if not shown:
        return Surroundings([GraphNode(start, 0)], [], truncated=False)
    rows = (await session.execute(_EDGES, scope | {"nodes": list(shown)})).mappings()
    return Surroundings(list(shown.values()), [_edge(row, shown) for row in rows], truncated=len(reached) > most)


async def _named(
    session: AsyncSession, organization_id: UUID, reached: Collection[RowMapping]
) -> dict[UUID, GraphNode]:
    """Return the nodes by their ids; what is gone but still in the graph for a moment is left out."""
    ids = [row["source_id"] for row in reached]
    found = {(thing.kind, thing.id): thing for thing in await things(session, organization_id=organization_id, ids=ids)}
    keys = {row["id"]: (NodeKind(row["kind"]), row["source_id"]) for row in reached}
    depths = {row["id"]: row["depth"] for row in reached}
    return {node: GraphNode(found[key], depths[node]) for node, key in keys.items() if key in found}


def _edge(row: RowMapping, nodes: dict[UUID, GraphNode]) -> GraphEdge:
    values = dict(row)
    source, target = nodes[values.pop("source")].thing, nodes[values.pop("destination")].thing
    return GraphEdge(source=source, target=target, **values)
