"""Write a document into the index: one short transaction, fenced by the task's lease."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.rag.embedding.embed import Embedded
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.graph.links import drop_node, replace_links
from helpdesk.rag.graph.neighbours import replace_neighbours
from helpdesk.rag.indexing.chunk_writes import add_chunks, drop_chunks, move_chunks
from helpdesk.rag.indexing.claim import IndexTaskInHand
from helpdesk.rag.indexing.late_names import read_again_what_names, read_again_what_points_to
from helpdesk.rag.indexing.prepare import Change
from helpdesk.rag.indexing.sources import Draft
from helpdesk.rag.indexing.statistics import Delta, apply_delta
from helpdesk.rag.indexing.vector_writes import add_vectors, move_vectors

# A change that came while the source was in hand leaves the row pending: one statement, or the change could be lost.
_SETTLE = text("""
    UPDATE rag_index_queue q
       SET status = CASE WHEN q.version = q.claimed_version THEN 'done' ELSE 'pending' END, attempts = 0,
           crash_count = 0, claimed_version = NULL, locked_by = NULL, locked_at = NULL, last_error = NULL,
           waiting_since = now(), updated_at = now()
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
# Whatever was read of the source before it went is older than its end.
_TOMBSTONE = text("""
    UPDATE rag_documents SET deleted_at = :now, indexed_at = :now, source_version = source_version + 1
     WHERE organization_id = :organization_id AND source_type = :source_type AND source_id = :source_id
       AND deleted_at IS NULL
    RETURNING id
""")


async def settle(session: AsyncSession, tasks: Sequence[IndexTaskInHand]) -> set[UUID]:
    """Finish tasks of one organisation that are still this worker's; return their ids."""
    # In the order in which others hold rows, see late_names.
    ids, leases = zip(*sorted((task.id, task.lease) for task in tasks), strict=True)
    rows = await session.scalars(
        _SETTLE,
        {
            "organization_id": tasks[0].organization_id,
            "ids": list(ids),
            "leases": list(leases),
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
    if task.source_type is not SourceType.TICKET:
        await read_again_what_points_to(
            session, organization_id=task.organization_id, source_type=task.source_type, source_id=task.source_id
        )
    await _fence(session, task)
    scope: dict[str, Any] = {"organization_id": task.organization_id, "source_type": task.source_type}
    document_id = await session.scalar(_TOMBSTONE, scope | {"source_id": task.source_id, "now": now})
    if document_id is None:
        return False
    delta = Delta()
    await drop_chunks(session, task.organization_id, document_id, None, delta)
    await apply_delta(session, organization_id=task.organization_id, source_type=task.source_type, delta=delta)
    await drop_node(
        session, organization_id=task.organization_id, source_type=task.source_type, source_id=task.source_id
    )
    return True


async def apply_change(
    session: AsyncSession, change: Change, *, embedded: Embedded, model: ActiveModel | None, now: datetime
) -> list[tuple[UUID, Draft]]:
    """Write a changed document; return its new passages, none when the index has a newer version of it already.

    Args:
        embedded: what came of the texts without the model's prefix; a passage without a vector is found by words.

    Raises:
        LeaseLost: the task has gone to another worker.
    """
    task, organization_id = change.task, change.task.organization_id
    if task.source_type is not SourceType.TICKET and not change.difference.kept:
        # New, or under a new title.
        await read_again_what_names(session, organization_id=organization_id, source=change.source)
    await _fence(session, task)
    document_id = await _document(session, change, now=now)
    if document_id is None:
        return []
    delta = Delta()
    dropped = [chunk.id for chunk in change.difference.dropped]
    if dropped:
        await drop_chunks(session, organization_id, document_id, dropped, delta)
    await move_chunks(session, organization_id, document_id, change.difference.kept)
    await move_vectors(session, organization_id, document_id, change.difference.kept)
    added = await add_chunks(session, change, document_id, delta)
    if model is not None:
        await add_vectors(session, change, added, embedded=embedded, model=model, now=now)
    await apply_delta(session, organization_id=organization_id, source_type=task.source_type, delta=delta)
    await replace_links(
        session,
        organization_id=organization_id,
        source_type=change.source.type,
        source_id=change.source.id,
        label=change.source.title,
        links=change.source.links,
    )
    if model is not None and change.question is not None and any(draft is change.question for _, draft in added):
        await replace_neighbours(session, organization_id=organization_id, ticket_id=change.source.id, model=model)
    return added


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
        "chunker_version": change.composed.rules,
        "visibility": source.visibility,
        "title": source.title,
        "language": change.composed.language,
        "meta": json.dumps(source.meta),
        "now": now,
    }
    identifier: UUID | None = await session.scalar(_DOCUMENT, values)
    return identifier
