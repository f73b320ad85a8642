"""Passages written straight into the index: as many as a test needs, of words and vectors it chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.halfvec import write_vector, write_weights
from helpdesk.rag.maintenance.connection import open_maintenance
from helpdesk.rag.maintenance.recount import recount
from helpdesk.rag.text.terms import bm25_weights, count_terms, words_of

DIMS = 16

_DOCUMENTS = text("""
    INSERT INTO rag_documents (id, organization_id, source_type, source_id, source_version, content_hash,
           chunker_version, visibility, title, language, meta, indexed_at)
    SELECT u.id, :organization_id, :source_type, u.source, 1, '', 1, :visibility, u.title, :language,
           CAST(:meta AS jsonb), now()
      FROM unnest(CAST(:documents AS uuid[]), CAST(:sources AS uuid[]), CAST(:titles AS text[]))
           AS u (id, source, title)
""")
_CHUNKS = text("""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, chunk_hash, content,
           char_start, char_end, length, terms, bm25)
    SELECT u.id, :organization_id, u.document, :source_type, :visibility, 0, '', u.content, 0, length(u.content),
           u.length, CAST(u.terms AS int[]), CAST(u.bm25 AS sparsevec)
      FROM unnest(CAST(:ids AS uuid[]), CAST(:documents AS uuid[]), CAST(:contents AS text[]),
                  CAST(:lengths AS int[]), CAST(:terms AS text[]), CAST(:bm25 AS text[]))
           AS u (id, document, content, length, terms, bm25)
""")
_VECTORS = """
    INSERT INTO {vectors} (chunk_id, organization_id, source_type, visibility, embedding)
    SELECT u.id, :organization_id, :source_type, :visibility, CAST(u.vector AS halfvec)
      FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS text[])) AS u (id, vector)
"""
_REGISTER = text("SELECT rag_register_model(:name, '0', :dims, '', '', 256, :building)")


@dataclass(frozen=True)
class Added:
    """What was written: an id each, in order."""

    chunks: list[UUID]
    documents: list[UUID]
    sources: list[UUID]


@dataclass
class Corpus:
    """The index of a test, with vectors of one model."""

    database: Database
    model_id: int
    rng: np.random.Generator

    @property
    def vectors(self) -> str:
        """Return the name of the vectors' table."""
        return f"rag_embeddings_m{self.model_id}"

    def draw(self, count: int) -> NDArray[np.float32]:
        """Return random unit vectors."""
        drawn = self.rng.standard_normal((count, DIMS)).astype(np.float32)
        return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))

    async def add(
        self,
        organization_id: UUID,
        contents: Sequence[str],
        *,
        vectors: NDArray[np.float32] | None = None,
        source_type: SourceType = SourceType.KB,
        visibility: str = "public",
        meta: Mapping[str, Any] | None = None,
        language: str = "en",
    ) -> Added:
        """Write one document a content, and count its terms."""
        drawn = self.draw(len(contents)) if vectors is None else vectors
        added = Added(*([new_id() for _ in contents] for _ in range(3)))
        words = [words_of(content, language) for content in contents]
        counts = [count_terms(some, organization_id=organization_id) for some in words]
        scope = {
            "organization_id": organization_id,
            "source_type": source_type,
            "visibility": visibility,
            "documents": added.documents,
            "ids": added.chunks,
        }
        async with self.database.transaction(organization_id) as session:
            await session.execute(
                _DOCUMENTS,
                scope
                | {"sources": added.sources, "titles": list(contents), "language": language}
                | {"meta": json.dumps(dict(meta or {}))},
            )
            await session.execute(
                _CHUNKS,
                scope
                | {
                    "contents": list(contents),
                    "lengths": [len(some) for some in words],
                    "terms": [f"{{{','.join(map(str, sorted(one)))}}}" for one in counts],
                    "bm25": [
                        write_weights(bm25_weights(one, length=len(some)))
                        for one, some in zip(counts, words, strict=True)
                    ],
                },
            )
            await session.execute(
                text(_VECTORS.format(vectors=self.vectors)),
                scope | {"vectors": [write_vector(vector) for vector in drawn]},
            )
        await self.count(organization_id)
        return added

    async def count(self, organization_id: UUID) -> int:
        """Count terms and passages; return how many counts were wrong."""
        async with open_maintenance(self.database.settings) as connection:
            return await recount(connection, organization_id)


async def open_corpus(database: Database, *, name: str = "test", building: bool = False) -> Corpus:
    """Return a corpus with the vectors of a model, the active one unless another is active already."""
    async with database.transaction(None) as session:
        model = await session.scalar(_REGISTER, {"name": name, "dims": DIMS, "building": building})
    assert isinstance(model, int)
    return Corpus(database, model, np.random.default_rng(11))
