"""Read what the index holds of sources now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.indexing.difference import StoredChunk

_DOCUMENTS = text("""
    SELECT source_id, id, source_version, content_hash, chunker_version, deleted_at FROM rag_documents
     WHERE organization_id = :organization_id AND source_type = :source_type AND source_id = ANY(CAST(:ids AS uuid[]))
""")
# {vectors} is the name of a model's table, made by the database itself.
_CHUNKS = """
    SELECT c.document_id, c.id, c.ordinal, c.chunk_hash AS hash, c.visibility, c.char_start AS start,
           c.char_end AS "end", {has_vector} AS has_vector
      FROM rag_chunks c {vectors}
     WHERE c.organization_id = :organization_id AND c.document_id = ANY(CAST(:documents AS uuid[]))
"""


@dataclass(frozen=True)
class StoredDocument:
    """A document of the index; a deleted one is a tombstone."""

    source_id: UUID
    id: UUID
    source_version: int
    content_hash: bytes
    chunker_version: int
    deleted_at: datetime | None


async def stored_documents(
    session: AsyncSession, *, organization_id: UUID, source_type: SourceType, ids: Sequence[UUID]
) -> dict[UUID, StoredDocument]:
    """Return the documents of the sources, by the source's id."""
    rows = await session.execute(
        _DOCUMENTS, {"organization_id": organization_id, "source_type": source_type, "ids": list(ids)}
    )
    return {row["source_id"]: StoredDocument(**row) for row in rows.mappings()}


async def stored_chunks(
    session: AsyncSession, *, organization_id: UUID, documents: Sequence[UUID], model: ActiveModel | None
) -> dict[UUID, list[StoredChunk]]:
    """Return the passages of the documents, by the document's id."""
    if not documents:
        return {}
    statement = _CHUNKS.format(
        has_vector="false" if model is None else "v.chunk_id IS NOT NULL",
        vectors="" if model is None else f"LEFT JOIN {model.table_name} v ON v.chunk_id = c.id",
    )
    found: defaultdict[UUID, list[StoredChunk]] = defaultdict(list)
    rows = await session.execute(text(statement), {"organization_id": organization_id, "documents": list(documents)})
    for row in rows.mappings():
        values = dict(row)
        found[values.pop("document_id")].append(StoredChunk(**values))
    return found
