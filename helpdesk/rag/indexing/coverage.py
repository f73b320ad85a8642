"""How much of what belongs into the index is in it, by kind of source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.indexing.inventory import SOURCES

_SOURCES = text(f"SELECT type, count(*) FROM ({SOURCES}) AS source WHERE due GROUP BY type")  # noqa: S608 -- ours
_DOCUMENTS = text("""
    SELECT source_type, count(*) FROM rag_documents
     WHERE organization_id = :organization_id AND deleted_at IS NULL GROUP BY source_type
""")
_CHUNKS = text("SELECT source_type, chunks FROM rag_corpus_stats WHERE organization_id = :organization_id")
# {vectors} is the name of a model's table, made by the database itself.
_VECTORS = "SELECT source_type, count(*) FROM {vectors} WHERE organization_id = :organization_id GROUP BY source_type"


@dataclass(frozen=True)
class Coverage:
    """How much of one kind of source is in the index.

    Attributes:
        sources: what is there to be indexed.
        documents: what is indexed; `chunks` are its passages, of which `vectors` have a vector.
    """

    source_type: SourceType
    sources: int
    documents: int
    chunks: int
    vectors: int

    @property
    def share(self) -> float:
        """Return the indexed share of the sources, 0 to 1."""
        return 1.0 if not self.sources else min(1.0, self.documents / self.sources)


async def coverage_of(
    session: AsyncSession, *, organization_id: UUID, model: ActiveModel | None, open_tickets: bool
) -> list[Coverage]:
    """Return the coverage of each kind of source; vectors are those of the model."""
    scope: dict[str, Any] = {"organization_id": organization_id}
    sources = await _counts(session, _SOURCES, scope | {"open_tickets": open_tickets})
    documents = await _counts(session, _DOCUMENTS, scope)
    chunks = await _counts(session, _CHUNKS, scope)
    vectors: dict[str, int] = {}
    if model is not None:
        vectors = await _counts(session, text(_VECTORS.format(vectors=model.table_name)), scope)
    return [
        Coverage(kind, sources.get(kind, 0), documents.get(kind, 0), chunks.get(kind, 0), vectors.get(kind, 0))
        for kind in SourceType
    ]


async def _counts(session: AsyncSession, statement: TextClause, scope: dict[str, Any]) -> dict[str, int]:
    rows = await session.execute(statement, scope)
    return {str(kind): int(count) for kind, count in rows.all()}
