"""Build, rebuild and drop the graph index over the vectors of one organisation and kind of source.

Each statement is a transaction of its own, as PostgreSQL wants it for what it does concurrently: searches and writes
go on meanwhile. The table says `building` before an index is begun and `ready` after it is whole, so that what a
killed run leaves behind is known for what it is.
"""

from __future__ import annotations

from datetime import datetime

import asyncpg
import structlog

from helpdesk.rag.maintenance.connection import STATEMENT_S
from helpdesk.rag.maintenance.holdings import Place
from helpdesk.rag.maintenance.thresholds import ef_search_for

log = structlog.get_logger(__name__)

# Links of a vector in the graph, and how far it looks for them when it is built: more changed no recall measured.
_M, _EF_CONSTRUCTION = 16, 64
# What pgvector keeps of one vector besides its numbers, in memory while it builds.
_BYTES_A_VECTOR = 600
_LEAST_MEMORY_MB = 64

_ANNOUNCE = """
INSERT INTO rag_vector_indexes (model_id, organization_id, source_type, index_name, state)
VALUES ($1, $2, $3, $4, 'building')
    ON CONFLICT (model_id, organization_id, source_type) DO UPDATE SET
       state = 'building', index_name = excluded.index_name, recall = NULL, probed_at = NULL
"""
_BUILD = """
CREATE INDEX CONCURRENTLY {name} ON {vectors} USING hnsw (embedding halfvec_ip_ops)
  WITH (m = {m}, ef_construction = {ef_construction}) WHERE {predicate}
"""
_READY = """
UPDATE rag_vector_indexes SET state = 'ready', rows_at_build = $2, bytes_at_build = pg_relation_size(index_name),
       built_at = $3, build_s = $4, ef_search = $5
 WHERE index_name = $1
"""
_STATE = "UPDATE rag_vector_indexes SET state = $2 WHERE index_name = $1"
# How many vectors a whole index of a killed run holds, PostgreSQL knows.
_ADOPT = """
UPDATE rag_vector_indexes i SET state = 'ready', rows_at_build = coalesce(i.rows_at_build, c.reltuples::bigint),
       bytes_at_build = coalesce(i.bytes_at_build, pg_relation_size(c.oid)), built_at = coalesce(i.built_at, now())
  FROM pg_class c WHERE c.relname = i.index_name AND c.relnamespace = 'public'::regnamespace AND i.index_name = $1
"""
_FORGET = "DELETE FROM rag_vector_indexes WHERE index_name = $1"
# Indexes that nothing speaks of, or that a killed run left half-made; a rebuild's half has a suffix to its name.
_LEFTOVERS = """
SELECT c.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_am a ON a.oid = c.relam
 WHERE c.relnamespace = 'public'::regnamespace AND a.amname = 'hnsw' AND c.relname LIKE 'hnsw\\_m%'
   AND (NOT x.indisvalid OR NOT EXISTS (SELECT FROM rag_vector_indexes i WHERE i.index_name = c.relname))
"""
# A run that was killed after its last statement but before it said so has left a whole index.
_UNFINISHED = """
SELECT i.index_name, i.state, coalesce(x.indisvalid, false) AS valid
  FROM rag_vector_indexes i
  LEFT JOIN pg_class c ON c.relname = i.index_name AND c.relnamespace = 'public'::regnamespace
  LEFT JOIN pg_index x ON x.indexrelid = c.oid
 WHERE i.state <> 'ready' OR x.indisvalid IS NOT TRUE
"""


async def build(connection: asyncpg.Connection, place: Place, *, vectors: int, memory_mb: int, now: datetime) -> float:
    """Build the index of a place and return how many seconds it took."""
    await connection.execute(_ANNOUNCE, place.model_id, place.organization_id, place.source_type, place.index_name)
    statement = _BUILD.format(
        name=place.index_name,
        vectors=place.vectors,
        m=_M,
        ef_construction=_EF_CONSTRUCTION,
        predicate=place.predicate,
    )
    return await _make(connection, place, statement, vectors=vectors, memory_mb=memory_mb, now=now)


async def rebuild(
    connection: asyncpg.Connection, place: Place, *, vectors: int, memory_mb: int, now: datetime
) -> float:
    """Build the index anew beside the old one, which serves until then; return how many seconds it took."""
    await connection.execute(_STATE, place.index_name, "rebuilding")
    statement = f"REINDEX INDEX CONCURRENTLY {place.index_name}"
    return await _make(connection, place, statement, vectors=vectors, memory_mb=memory_mb, now=now)


async def drop(connection: asyncpg.Connection, index_name: str) -> None:
    """Drop an index and forget it; searches scan exactly from before it goes."""
    await connection.execute(_STATE, index_name, "dropping")
    await connection.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{index_name}"', timeout=STATEMENT_S)
    await connection.execute(_FORGET, index_name)


async def sweep(connection: asyncpg.Connection) -> list[str]:
    """Put right what killed runs have left, and return the names of the indexes dropped.

    To be called by whoever has the maintenance to itself: nobody else is building.
    """
    for row in await connection.fetch(_UNFINISHED):
        if row["valid"] and row["state"] in {"building", "rebuilding"}:
            await connection.execute(_ADOPT, row["index_name"])
        else:
            await drop(connection, row["index_name"])
    left = [row["relname"] for row in await connection.fetch(_LEFTOVERS)]
    for name in left:
        await drop(connection, name)
        log.warning("half_made_index_dropped", index=name)
    return left


async def _make(
    connection: asyncpg.Connection, place: Place, statement: str, *, vectors: int, memory_mb: int, now: datetime
) -> float:
    needed = vectors * (2 * place.dims + _BYTES_A_VECTOR) // 2**20 + 1
    memory = min(max(needed, _LEAST_MEMORY_MB), memory_mb)
    await connection.execute(f"SET maintenance_work_mem = '{memory}MB'; RESET max_parallel_maintenance_workers")
    began = await connection.fetchval("SELECT clock_timestamp()")
    try:
        await connection.execute(statement, timeout=STATEMENT_S)
    except (asyncpg.DiskFullError, asyncpg.OutOfMemoryError):
        # Parallel builders share memory that containers often have little of; one alone needs none of it.
        await connection.execute("SET max_parallel_maintenance_workers = 0")
        await sweep_half(connection, place)
        await connection.execute(statement, timeout=STATEMENT_S)
    took = (await connection.fetchval("SELECT clock_timestamp()") - began).total_seconds()
    await connection.execute(_READY, place.index_name, vectors, now, took, ef_search_for(vectors))
    log.info("vector_index_built", index=place.index_name, vectors=vectors, seconds=round(took, 1))
    return float(took)


async def sweep_half(connection: asyncpg.Connection, place: Place) -> None:
    """Drop what a failed statement left of the index of one place, but not the index that serves."""
    for row in await connection.fetch(_LEFTOVERS):
        if row["relname"].startswith(place.index_name):
            await connection.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{row["relname"]}"', timeout=STATEMENT_S)
