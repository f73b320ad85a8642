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
        action = excluded.action, priority = greatest(q.priority, excluded.priority), version = q.version + 1,
        attempts = 0, crash_count = 0, last_error = NULL, run_after = least(q.run_after, now()), updated_at = now(),
        status = CASE WHEN q.status = 'running' THEN 'running' ELSE 'pending' END
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
