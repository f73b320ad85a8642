"""Everything the index holds of an organisation, without the ids that chance gave it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_DOCUMENTS = """
    SELECT source_type, source_id::text, source_version, content_hash, chunker_version, visibility, title, language,
           meta::text
      FROM rag_documents WHERE deleted_at IS NULL ORDER BY source_type, source_id
"""
_PASSAGES = """
    SELECT d.source_type, d.source_id::text, c.ordinal, c.source_type AS of_type, c.visibility, c.role, c.chunk_hash,
           c.input_key::text, c.heading_path, c.content, c.char_start, c.char_end, c.length, c.terms, c.bm25::text,
           v.visibility AS seen_by, v.source_type AS vector_of, v.embedding::text
      FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id
      LEFT JOIN rag_embeddings_m1 v ON v.chunk_id = c.id
     WHERE d.deleted_at IS NULL ORDER BY d.source_type, d.source_id, c.ordinal
"""
_LEFT_OVER = """
    SELECT count(*) FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id WHERE deleted_at IS NOT NULL
"""
_TERMS = "SELECT term, df FROM rag_term_stats WHERE df <> 0 ORDER BY term"
_CORPUS = "SELECT source_type, chunks, total_length FROM rag_corpus_stats WHERE chunks <> 0 ORDER BY source_type"
# Which tickets are alike is measured against those that were there at the time, and anew each night.
_EDGES = """
    SELECT s.kind AS from_kind, s.source_id::text AS from_id, e.kind, d.kind AS to_kind, d.source_id::text AS to_id,
           e.origin
      FROM rag_edges e JOIN rag_nodes s ON s.id = e.source JOIN rag_nodes d ON d.id = e.destination
     WHERE e.origin <> 'similarity' ORDER BY 1, 2, 3, 4, 5
"""
_COUNTED = """
    SELECT t AS term, count(*)::int AS df FROM rag_chunks, unnest(terms) AS t GROUP BY t ORDER BY t
"""


async def snapshot(session: AsyncSession) -> dict[str, Any]:
    """Return documents, passages with vectors, counts and edges of the session's organisation, each in its order."""
    found = {
        name: [tuple(row) for row in await session.execute(text(statement))]
        for name, statement in (
            ("documents", _DOCUMENTS),
            ("passages", _PASSAGES),
            ("terms", _TERMS),
            ("corpus", _CORPUS),
            ("edges", _EDGES),
        )
    }
    assert found["terms"] == [tuple(row) for row in await session.execute(text(_COUNTED))]
    assert await session.scalar(text(_LEFT_OVER)) == 0
    return found
