"""Ask for a source to be indexed anew, in the transaction that changed it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import IndexAction, SourceType
from helpdesk.queue.wake import INDEX, wake_after_commit

# One row a source: a burst of changes costs one pass. A row in hand stays in hand; its version says that it is stale.
_REQUEST = text("""
    INSERT INTO rag_index_queue AS q (id, organization_id, source_type, source_id, action, priority)
    VALUES (:id, :organization_id, :source_type, :source_id, :action, :priority)
    ON CONFLICT (organization_id, source_type, source_id) DO UPDATE SET
        action = excluded.action, version = q.version + 1, attempts = 0,
        priority = CASE WHEN q.status = 'done' THEN excluded.priority
                        ELSE greatest(q.priority, excluded.priority) END,
        crash_count = 0, last_error = NULL, run_after = least(q.run_after, now()), updated_at = now(),
        status = CASE WHEN q.status = 'running' THEN 'running' ELSE 'pending' END,
        waiting_since = CASE WHEN q.status IN ('done', 'failed') THEN now() ELSE q.waiting_since END
""")
# A task in hand may have read the source already.
_IS_KNOWN = text("""
    SELECT EXISTS (SELECT FROM rag_documents
                    WHERE organization_id = :organization_id AND source_type = :source_type AND source_id = :source_id
                      AND deleted_at IS NULL)
        OR EXISTS (SELECT FROM rag_index_queue
                    WHERE organization_id = :organization_id AND source_type = :source_type AND source_id = :source_id
                      AND status <> 'done')
""")


async def request_index(
    session: AsyncSession,
    *,
    organization_id: UUID,
    source_type: SourceType,
    source_id: UUID,
    action: IndexAction = IndexAction.UPSERT,
    priority: int = 5,
) -> None:
    """Queue a source for the index; a higher priority goes first (5 is usual, 2 an import, 1 a repair)."""
    await session.execute(
        _REQUEST,
        {
            "id": new_id(),
            "organization_id": organization_id,
            "source_type": source_type,
            "source_id": source_id,
            "action": action,
            "priority": priority,
        },
    )
    wake_after_commit(session, INDEX)


async def request_index_if_known(
    session: AsyncSession, *, organization_id: UUID, source_type: SourceType, source_id: UUID
) -> None:
    """Queue a source that is in the index or on its way there; one that has no place in it yet stays out."""
    scope = {"organization_id": organization_id, "source_type": source_type, "source_id": source_id}
    if await session.scalar(_IS_KNOWN, scope):
        await request_index(session, organization_id=organization_id, source_type=source_type, source_id=source_id)
