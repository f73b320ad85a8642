"""Write the vectors of a document's passages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.embedding.embed import Embedded
from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.embedding.models import ActiveModel, models_in_service
from helpdesk.rag.embedding.vectors import hash_of_input, store_vectors
from helpdesk.rag.indexing.difference import Kept
from helpdesk.rag.indexing.prepare import Change
from helpdesk.rag.indexing.second_writes import note_refused
from helpdesk.rag.indexing.sources import Draft

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


async def move_vectors(session: AsyncSession, organization_id: UUID, document_id: UUID, kept: Sequence[Kept]) -> None:
    """Let the vectors of passages that stay be seen by whoever may read the passages now, those of every model."""
    if not any(one.chunk.visibility != one.draft.visibility for one in kept):
        return
    scope = {"organization_id": organization_id, "document_id": document_id}
    for model in await models_in_service(session, held=True):
        await session.execute(text(_MOVE_VECTORS.format(vectors=model.table_name)), scope)


async def add_vectors(
    session: AsyncSession,
    change: Change,
    added: Sequence[tuple[UUID, Draft]],
    *,
    embedded: Embedded,
    model: ActiveModel,
    now: datetime,
) -> None:
    """Insert the vectors that came out for new passages, and for kept ones that lacked theirs."""
    organization_id, vectors = change.task.organization_id, embedded.vectors
    lacking = [(kept.chunk.id, kept.draft) for kept in change.difference.kept if not kept.chunk.has_vector]
    wanted = [*added, *lacking]
    if refused := [identifier for identifier, draft in wanted if draft.embedded in embedded.refused]:
        await note_refused(session, organization_id=organization_id, model=model, chunks=refused)
    made = [(identifier, draft) for identifier, draft in wanted if draft.embedded in vectors]
    if not made:
        return
    rows = {
        "organization_id": organization_id,
        "source_type": change.task.source_type,
        "ids": [identifier for identifier, _ in made],
        "visibility": [draft.visibility for _, draft in made],
        "vectors": [write_vector(vectors[draft.embedded]) for _, draft in made],
    }
    await session.execute(text(_ADD_VECTORS.format(vectors=model.table_name)), rows)
    first = change.question
    if first is not None and first.embedded in vectors and model.query_prefix == model.doc_prefix:
        # Whoever judges the ticket next compares the same text.
        shared = {hash_of_input(model.doc_prefix + first.embedded): vectors[first.embedded]}
        await store_vectors(session, organization_id=organization_id, model=model, vectors=shared, now=now)
