"""How the graph indexes of an organisation stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.maintenance.recall import ALARM_BELOW

_INDEXES = text("""
    SELECT m.name AS model, i.source_type, i.state, i.rows_at_build AS vectors, i.built_at, i.build_s, i.recall,
           i.probed_at
      FROM rag_vector_indexes i JOIN rag_embedding_models m ON m.id = i.model_id
     WHERE i.organization_id = :organization_id ORDER BY m.state <> 'active', m.id, i.source_type
""")


@dataclass(frozen=True)
class VectorIndexReport:
    """A graph index over the vectors of one kind of source.

    Attributes:
        state: building, ready, rebuilding (serves meanwhile) or dropping; without `ready` searches scan exactly.
        vectors: how many it was built from, in `build_s` seconds.
        recall: share of the really nearest passages that it found when it was last probed, 0 to 1.
    """

    model: str
    source_type: SourceType
    state: str
    vectors: int | None
    built_at: datetime | None
    build_s: float | None
    recall: float | None
    probed_at: datetime | None

    @property
    def recall_low(self) -> bool:
        """Return whether it misses more than it should."""
        return self.recall is not None and self.recall < ALARM_BELOW


async def vector_indexes(session: AsyncSession, *, organization_id: UUID) -> list[VectorIndexReport]:
    """Return the graph indexes of an organisation; none where all its vectors are scanned exactly."""
    rows = await session.execute(_INDEXES, {"organization_id": organization_id})
    return [
        VectorIndexReport(**(dict(row) | {"source_type": SourceType(row["source_type"])})) for row in rows.mappings()
    ]
