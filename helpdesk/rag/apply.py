"""Write a document into the index: one short transaction, fenced by the task's lease."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.rag.chunking import CHUNKER_VERSION
from helpdesk.rag.claim import IndexTaskInHand
from helpdesk.rag.difference import Kept
from helpdesk.rag.graph import drop_node, replace_links
from helpdesk.rag.halfvec import write_vector, write_weights
from helpdesk.rag.models import ActiveModel
from helpdesk.rag.prepare import Change
from helpdesk.rag.sources import Draft
from helpdesk.rag.statistics import Delta, apply_delta
from helpdesk.rag.terms import bm25_weights, count_terms
from helpdesk.rag.vectors import hash_of_input, store_vectors

Vectors = Mapping[str, NDArray[np.float32]]

# A change that came while the source was in hand leaves the row pending: one statement, or the change could be lost.
_SETTLE = text("""
    UPDATE rag_index_queue q
       SET status = CASE WHEN q.version = q.claimed_version THEN 'done' ELSE 'pending' END, attempts = 0,
           crash_count = 0, claimed_version = NULL, locked_by = NULL, locked_at = NULL, last_error = NULL,
           updated_at = now()
      FROM unnest(CAST(:ids AS uuid[]), CAST(:leases AS bigint[])) AS mine (id, lease)
     WHERE q.organization_id = :organization_id AND q.id = mine.id AND q.lease = mine.lease
       AND q.locked_by = :worker AND q.status = 'running'
    RETURNING q.id
""")
# An older version never replaces a newer one, nor raises it from the dead.
_DOCUMENT = text("""
    INSERT INTO rag_documents AS d (id, organization_id, source_type, source_id, source_version, content_hash,
           chunker_version, visibility, title, language, meta, indexed_at)
    VALUES (:id, :organization_id, :source_type, :source_id, :source_version, :content_hash, :chunker_version,
            :visibility, :title, :language, CAST(:meta AS jsonb), :now)
        ON CONFLICT (organization_id, source_type, source_id) DO UPDATE SET
           source_version = excluded.source_version, content_hash = excluded.content_hash,
           chunker_version = excluded.chunker_version, visibility = excluded.visibility, title = excluded.title,
           language = excluded.language, meta = excluded.meta, deleted_at = NULL, indexed_at = excluded.indexed_at
     WHERE d.source_version <= excluded.source_version
    RETURNING d.id
""")
_UNCHANGED = text("""
    UPDATE rag_documents d SET source_version = u.version, indexed_at = :now
      FROM unnest(CAST(:types AS text[]), CAST(:sources AS uuid[]), CAST(:versions AS bigint[]))
           AS u (type, source, version)
     WHERE d.organization_id = :organization_id AND d.source_type = u.type AND d.source_id = u.source
       AND d.source_version <= u.version
""")
_TOMBSTONE = text("""
    UPDATE rag_documents SET deleted_at = :now, indexed_at = :now
     WHERE organization_id = :organization_id AND source_type = :source_type AND source_id = :source_id
       AND deleted_at IS NULL
    RETURNING id
""")
_DROP_CHUNKS = text("""
    DELETE FROM rag_chunks WHERE organization_id = :organization_id AND document_id = :document_id
       AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))
    RETURNING terms, length
""")
_MOVE_CHUNKS = text("""
    UPDATE rag_chunks c SET ordinal = u.ordinal, char_start = u.start, char_end = u.stop, visibility = u.visibility
      FROM unnest(CAST(:ids AS uuid[]), CAST(:ordinals AS int[]), CAST(:starts AS int[]), CAST(:stops AS int[]),
                  CAST(:visibility AS text[])) AS u (id, ordinal, start, stop, visibility)
     WHERE c.organization_id = :organization_id AND c.document_id = :document_id AND c.id = u.id
""")
_ADD_CHUNKS = text("""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, role, chunk_hash,
           heading_path, content, char_start, char_end, length, terms, bm25)
    SELECT u.id, :organization_id, :document_id, :source_type, u.visibility, u.ordinal, u.role, u.hash,
           u.heading_path, u.content, u.start, u.stop, u.length, u.terms::int[], u.bm25::sparsevec
      FROM unnest(CAST(:ids AS uuid[]), CAST(:visibility AS text[]), CAST(:ordinals AS int[]), CAST(:roles AS text[]),
                  CAST(:hashes AS bytea[]), CAST(:paths AS text[]), CAST(:contents AS text[]), CAST(:starts AS int[]),
                  CAST(:stops AS int[]), CAST(:lengths AS int[]), CAST(:terms AS text[]), CAST(:bm25 AS text[]))
           AS u (id, visibility, ordinal, role, hash, heading_path, content, start, stop, length, terms, bm25)
""")
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


async def settle(session: AsyncSession, tasks: Sequence[IndexTaskInHand]) -> set[UUID]:
    """Finish tasks of one organisation that are still this worker's; return their ids."""
    rows = await session.scalars(
        _SETTLE,
        {
            "organization_id": tasks[0].organization_id,
            "ids": [task.id for task in tasks],
            "leases": [task.lease for task in tasks],
            "worker": tasks[0].worker,
        },
    )
    return set(rows)


async def apply_unchanged(
    session: AsyncSession, unchanged: Sequence[tuple[IndexTaskInHand, int]], *, now: datetime
) -> set[UUID]:
    """Finish tasks of one organisation whose documents are as they should be; return the ids still this worker's."""
    settled = await settle(session, [task for task, _ in unchanged])
    await session.execute(
        _UNCHANGED,
        {
            "organization_id": unchanged[0][0].organization_id,
            "types": [task.source_type for task, _ in unchanged],
            "sources": [task.source_id for task, _ in unchanged],
            "versions": [version for _, version in unchanged],
            "now": now,
        },
    )
    return settled


async def apply_gone(session: AsyncSession, task: IndexTaskInHand, *, now: datetime) -> bool:
    """Take a source out of the index and leave a tombstone; return whether there was anything to take out.

    Raises:
        LeaseLost: the task has gone to another worker.
    """
    await _fence(session, task)
    scope: dict[str, Any] = {"organization_id": task.organization_id, "source_type": task.source_type}
    document_id = await session.scalar(_TOMBSTONE, scope | {"source_id": task.source_id, "now": now})
    if document_id is None:
        return False
    delta = Delta()
    await _drop(session, task.organization_id, document_id, None, delta)
    await apply_delta(session, organization_id=task.organization_id, source_type=task.source_type, delta=delta)
    await drop_node(
        session, organization_id=task.organization_id, source_type=task.source_type, source_id=task.source_id
    )
    return True


async def apply_change(
    session: AsyncSession, change: Change, *, vectors: Vectors, model: ActiveModel | None, now: datetime
) -> bool:
    """Write a changed document; return False when the index has a newer version of it already.

    Args:
        vectors: by the text they were made from, without the model's prefix; a passage without one is found by words.

    Raises:
        LeaseLost: the task has gone to another worker.
    """
    task, organization_id = change.task, change.task.organization_id
    await _fence(session, task)
    document_id = await _document(session, change, now=now)
    if document_id is None:
        return False
    delta = Delta()
    dropped = [chunk.id for chunk in change.difference.dropped]
    if dropped:
        await _drop(session, organization_id, document_id, dropped, delta)
    await _move(session, organization_id, document_id, change.difference.kept, model)
    ids = await _add(session, change, document_id, delta)
    if model is not None:
        await _add_vectors(session, change, ids, vectors=vectors, model=model, now=now)
    await apply_delta(session, organization_id=organization_id, source_type=task.source_type, delta=delta)
    await replace_links(session, organization_id=organization_id, source=change.source)
    return True


async def _fence(session: AsyncSession, task: IndexTaskInHand) -> None:
    if task.id not in await settle(session, [task]):
        raise LeaseLost


async def _document(session: AsyncSession, change: Change, *, now: datetime) -> UUID | None:
    source = change.source
    values = {
        "id": new_id(),
        "organization_id": change.task.organization_id,
        "source_type": source.type,
        "source_id": source.id,
        "source_version": source.version,
        "content_hash": source.content_hash,
        "chunker_version": CHUNKER_VERSION,
        "visibility": source.visibility,
        "title": source.title,
        "language": change.composed.language,
        "meta": json.dumps(source.meta),
        "now": now,
    }
    identifier: UUID | None = await session.scalar(_DOCUMENT, values)
    return identifier


async def _drop(
    session: AsyncSession, organization_id: UUID, document_id: UUID, ids: Sequence[UUID] | None, delta: Delta
) -> None:
    chosen = None if ids is None else list(ids)
    rows = await session.execute(
        _DROP_CHUNKS, {"organization_id": organization_id, "document_id": document_id, "ids": chosen}
    )
    for row in rows:
        delta.count(row.terms, length=row.length, sign=-1)


async def _move(
    session: AsyncSession, organization_id: UUID, document_id: UUID, kept: Sequence[Kept], model: ActiveModel | None
) -> None:
    moved = [one for one in kept if one.moved]
    if not moved:
        return
    scope = {"organization_id": organization_id, "document_id": document_id}
    places = {
        "ids": [one.chunk.id for one in moved],
        "ordinals": [one.ordinal for one in moved],
        "starts": [one.draft.start for one in moved],
        "stops": [one.draft.end for one in moved],
        "visibility": [one.draft.visibility for one in moved],
    }
    await session.execute(_MOVE_CHUNKS, scope | places)
    if model is not None and any(one.chunk.visibility != one.draft.visibility for one in moved):
        await session.execute(text(_MOVE_VECTORS.format(vectors=model.table_name)), scope)


async def _add(session: AsyncSession, change: Change, document_id: UUID, delta: Delta) -> list[tuple[UUID, Draft]]:
    """Insert the new passages; return them with their ids."""
    added = [(new_id(), ordinal, draft) for ordinal, draft in change.difference.added]
    if not added:
        return []
    organization_id = change.task.organization_id
    counts = [count_terms(draft.words, organization_id=organization_id) for _, _, draft in added]
    lengths = [len(draft.words) for _, _, draft in added]
    for terms, length in zip(counts, lengths, strict=True):
        delta.count(terms, length=length, sign=1)
    drafts = [draft for _, _, draft in added]
    rows = {
        "ids": [identifier for identifier, _, _ in added],
        "ordinals": [ordinal for _, ordinal, _ in added],
        "visibility": [draft.visibility for draft in drafts],
        "roles": [draft.role for draft in drafts],
        "hashes": [draft.hash for draft in drafts],
        "paths": [draft.heading_path for draft in drafts],
        "contents": [draft.content for draft in drafts],
        "starts": [draft.start for draft in drafts],
        "stops": [draft.end for draft in drafts],
        "lengths": lengths,
        "terms": [f"{{{','.join(map(str, sorted(terms)))}}}" for terms in counts],
        "bm25": [
            write_weights(bm25_weights(terms, length=length)) for terms, length in zip(counts, lengths, strict=True)
        ],
    }
    scope = {"organization_id": organization_id, "document_id": document_id, "source_type": change.task.source_type}
    await session.execute(_ADD_CHUNKS, scope | rows)
    return [(identifier, draft) for identifier, _, draft in added]


async def _add_vectors(
    session: AsyncSession,
    change: Change,
    added: Sequence[tuple[UUID, Draft]],
    *,
    vectors: Vectors,
    model: ActiveModel,
    now: datetime,
) -> None:
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
