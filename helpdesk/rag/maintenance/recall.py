"""Whether graph indexes find what is really nearest: a sample of real queries, asked both ways."""

from __future__ import annotations

from datetime import datetime

import asyncpg
import structlog

from helpdesk.rag.maintenance.holdings import Place
from helpdesk.rag.maintenance.thresholds import MOST_EF, ef_search_for

log = structlog.get_logger(__name__)

PROBES = 50
NEIGHBOURS = 10
ALARM_BELOW = 0.95
# Below it the graph is searched more thoroughly from now on.
WANTED = 0.98
_PROBE_S = 600.0

_READY = """
SELECT i.ef_search, i.model_id, m.table_name AS vectors, m.dims, m.state AS model_state, i.organization_id,
       i.source_type
  FROM rag_vector_indexes i JOIN rag_embedding_models m ON m.id = i.model_id
 WHERE i.state = 'ready' AND m.state IN ('active', 'building') ORDER BY i.index_name
"""
# What was asked lately comes first; where that is too little, passages ask for their like. Half-precision numbers
# round, and of two passages at the same distance either will do.
_PROBE = """
WITH asked AS (
    SELECT q.embedding FROM rag_input_vectors q
     WHERE q.organization_id = $1 AND q.model_id = $2 ORDER BY q.created_at DESC LIMIT {probes}),
stand_ins AS (
    SELECT e.embedding FROM {vectors} e WHERE e.organization_id = $1 AND e.source_type = '{source_type}'
     ORDER BY md5(e.chunk_id::text || $3) LIMIT {probes} - (SELECT count(*) FROM asked))
SELECT avg((SELECT count(*) FROM (
               SELECT e.embedding <#> query.embedding AS distance FROM {vectors} e WHERE e.{predicate}
                ORDER BY e.embedding <#> query.embedding LIMIT {k}) found
             WHERE found.distance <= farthest.distance + 1e-6) / {k}.0)::float8
  FROM (SELECT embedding FROM asked UNION ALL SELECT embedding FROM stand_ins) query
 CROSS JOIN LATERAL (
    SELECT max(distance) AS distance FROM (
        SELECT e.embedding <#> query.embedding AS distance FROM {vectors} e WHERE e.{predicate}
         ORDER BY (e.embedding <#> query.embedding) + 0 LIMIT {k}) exact) farthest
"""
_AS_SEARCHES_DO = "SET hnsw.ef_search = {ef_search}; SET hnsw.iterative_scan = relaxed_order; SET enable_seqscan = off"
_NOTE = """
UPDATE rag_vector_indexes SET recall = $4, probed_at = $5, ef_search = $6
 WHERE model_id = $1 AND organization_id = $2 AND source_type = $3
"""


async def probe_all(connection: asyncpg.Connection, *, now: datetime) -> list[str]:
    """Measure the recall of every graph index that serves, and return the names of those that find too little.

    One that finds less than is wanted is searched more thoroughly from now on, as far as that goes.
    """
    low = []
    for row in await connection.fetch(_READY):
        fields = dict(row)
        ef_search = fields.pop("ef_search") or ef_search_for(0)
        place = Place(**fields)
        recall = await probe(connection, place, ef_search=ef_search, seed=now.date().isoformat())
        while recall is not None and recall < WANTED and ef_search < MOST_EF:
            ef_search = min(MOST_EF, 2 * ef_search)
            recall = await probe(connection, place, ef_search=ef_search, seed=now.date().isoformat())
        owner = (place.model_id, place.organization_id, place.source_type)
        await connection.execute(_NOTE, *owner, recall, now, ef_search)
        if recall is not None and recall < ALARM_BELOW:
            log.warning("vector_index_recall_low", index=place.index_name, recall=round(recall, 4))
            low.append(place.index_name)
    return low


async def probe(connection: asyncpg.Connection, place: Place, *, ef_search: int, seed: str) -> float | None:
    """Return the share of the ten nearest passages that the index finds, over 50 queries; None without any.

    Args:
        ef_search: how thoroughly the graph is searched.
        seed: chooses the passages that stand in for queries.
    """
    await connection.execute(_AS_SEARCHES_DO.format(ef_search=ef_search))
    statement = _PROBE.format(
        vectors=place.vectors,
        source_type=place.source_type,
        predicate=place.predicate,
        probes=PROBES,
        k=NEIGHBOURS,
    )
    recall: float | None = await connection.fetchval(
        statement, place.organization_id, place.model_id, seed, timeout=_PROBE_S
    )
    return recall
