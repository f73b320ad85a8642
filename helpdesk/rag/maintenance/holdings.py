"""What there is to index: the vectors of each model, organisation and kind of source, and their graph indexes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from helpdesk.rag.maintenance.thresholds import Holding, Limits

# Graph indexes of models that are gone or given up go as well: what is not listed here has no place.
_MODELS = """
SELECT id, table_name, dims, state FROM rag_embedding_models
 WHERE state IN ('active', 'building', 'retired') AND to_regclass(nullif(table_name, '')) IS NOT NULL ORDER BY id
"""
_CANDIDATES = """
SELECT organization_id, source_type, coalesce(s.chunks, 0) AS chunks
  FROM rag_corpus_stats s
  FULL JOIN (SELECT * FROM rag_vector_indexes WHERE model_id = $1) i USING (organization_id, source_type)
 WHERE s.chunks > $2 OR i.model_id IS NOT NULL
 ORDER BY 3, 1, 2
"""
_COUNT = "SELECT count(*) FROM {vectors} WHERE organization_id = $1 AND source_type = $2"
_INDEX = """
SELECT i.state, i.rows_at_build, i.bytes_at_build, coalesce(pg_relation_size(c.oid), 0) AS bytes,
       coalesce(x.indisvalid, false) AS valid, c.oid IS NOT NULL AS there
  FROM (SELECT $1::text AS name) wanted
  LEFT JOIN rag_vector_indexes i ON i.index_name = wanted.name
  LEFT JOIN pg_class c ON c.relname = wanted.name AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'i'
  LEFT JOIN pg_index x ON x.indexrelid = c.oid
"""


@dataclass(frozen=True)
class Place:
    """Whose vectors of what kind, and where they are."""

    model_id: int
    vectors: str
    dims: int
    model_state: str
    organization_id: UUID
    source_type: str

    @property
    def index_name(self) -> str:
        """Return what their graph index is called."""
        return f"hnsw_m{self.model_id}_{self.organization_id.hex}_{self.source_type}"

    @property
    def predicate(self) -> str:
        """Return the condition that their rows meet, in constants: the planner compares it word by word."""
        return f"organization_id = '{self.organization_id}'::uuid AND source_type = '{self.source_type}'::text"


async def places(connection: asyncpg.Connection, limits: Limits) -> list[tuple[Place, int]]:
    """Return the places that have an index or passages enough for one, each with its number of passages."""
    found: list[tuple[Place, int]] = []
    for model in await connection.fetch(_MODELS):
        scope = (model["id"], model["table_name"], model["dims"], model["state"])
        rows = await connection.fetch(_CANDIDATES, model["id"], limits.build_above)
        found.extend((Place(*scope, row["organization_id"], row["source_type"]), row["chunks"]) for row in rows)
    return found


async def holding_of(connection: asyncpg.Connection, place: Place, *, passages: int) -> Holding:
    """Return how many vectors a place has, and how its index stands."""
    count = _COUNT.format(vectors=place.vectors)
    vectors = await connection.fetchval(count, place.organization_id, place.source_type, timeout=600)
    row = await connection.fetchrow(_INDEX, place.index_name)
    indexed = row["rows_at_build"] if row["valid"] and row["state"] == "ready" else None
    return Holding(
        vectors=vectors,
        passages=passages,
        building=place.model_state == "building",
        indexed=indexed,
        built_bytes=row["bytes_at_build"] or 0,
        bytes=row["bytes"],
    )
