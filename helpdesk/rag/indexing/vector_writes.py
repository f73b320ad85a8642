"""Write the vectors of a document's passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.embedding.vectors import hash_of_input, store_vectors
from helpdesk.rag.indexing.difference import Kept
from helpdesk.rag.indexing.prepare import Change
from helpdesk.rag.indexing.sources import Draft

Vectors = Mapping[str, NDArray[np.float32]]

# {vectors} is the name of a model's table, made by the database itself.
_ADD_VECTORS = """
    INSERT INTO {vectors} (chunk_id, organization_id, source_type, visibility, embedding)
    SELECT u.id, :organization_id, :source_type, u.visibility, u.vector::halfvec
      FROM unnest(CAST(:ids AS uuid[]), CAST(:visibility AS text[]), CAST(:vectors AS text[]))
           AS u (id, visibility, vector)
        ON CONFLICT (chunk_id) DO NOTHING
"""
_MOVE_VECTORS = """
    UPDATE {vectors} v SET visibility = c.visibility FROM rag_chunks c
     WHERE c.organization_id = :organization_id AND c.document_id = :document_id
       AND v.organization_id = :organization_id AND v.chunk_id = c.id AND v.visibility <> c.visibility
"""


async def move_vectors(
    session: AsyncSession, organization_id: UUID, document_id: UUID, kept: Sequence[Kept], model: ActiveModel
) -> None:
    """Let the vectors of passages that stay be seen by whoever may read the passages now."""
    if any(one.chunk.visibility != one.draft.visibility for one in kept):
        scope = {"organization_id": organization_id, "document_id": document_id}
        await session.execute(text(_MOVE_VECTORS.format(vectors=model.table_name)), scope)


async def add_vectors(
    session: AsyncSession,
    change: Change,
    added: Sequence[tuple[UUID, Draft]],
    *,
    vectors: Vectors,
    model: ActiveModel,
    now: datetime,
) -> None:
    """Insert the vectors that came out for new passages, and for kept ones that lacked theirs."""
    lacking = [(kept.chunk.id, kept.draft) for kept in change.difference.kept if not kept.chunk.has_vector]
    made = [(identifier, draft) for identifier, draft in [*added, *lacking] if draft.embedded in vectors]
    if not made:
        return
    organization_id = change.task.organization_id
    rows = {
        "organization_id": organization_id,
        "source_type": change.task.source_type,
        "ids": [identifier for identifier, _ in made],
        "visibility": [draft.visibility for _, draft in made],
        "vectors": [write_vector(vectors[draft.embedded]) for _, draft in made],
    }
    await session.execute(text(_ADD_VECTORS.format(vectors=model.table_name)), rows)
    first = change.composed.drafts[0].embedded
    if change.task.source_type is SourceType.TICKET and first in vectors and model.query_prefix == model.doc_prefix:
        # Whoever judges the ticket next compares the same text.
        shared = {hash_of_input(model.doc_prefix + first): vectors[first]}
        await store_vectors(session, organization_id=organization_id, model=model, vectors=shared, now=now)
