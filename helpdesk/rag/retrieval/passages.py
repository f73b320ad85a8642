"""Read the passages of indexed documents."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_CHUNKS = text("""
    SELECT c.id, c.document_id, c.ordinal, c.role, c.visibility, c.heading_path, c.content, c.char_start, c.char_end,
           d.source_type, d.source_id, d.title, d.language
      FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id
     WHERE c.organization_id = :organization_id AND c.document_id = ANY(CAST(:documents AS uuid[]))
       AND c.visibility = ANY(CAST(:visibility AS text[])) AND d.deleted_at IS NULL
     ORDER BY c.document_id, c.ordinal
""")


@dataclass(frozen=True)
class ChunkText:
    """One passage of an indexed source."""

    id: UUID
    document_id: UUID
    ordinal: int
    role: str
    visibility: str
    heading_path: str
    content: str
    char_start: int
    char_end: int
    source_type: str
    source_id: UUID
    title: str
    language: str | None


async def chunks_of(
    session: AsyncSession,
    *,
    organization_id: UUID,
    document_ids: Collection[UUID],
    visibility: tuple[str, ...] = ("public",),
) -> list[ChunkText]:
    """Return every passage of the documents, each document's in order."""
    found = await session.execute(
        _CHUNKS,
        {"organization_id": organization_id, "documents": list(document_ids), "visibility": list(visibility)},
    )
    return [ChunkText(**row) for row in found.mappings()]
