"""RECONCILE_INDEX: queue what the search index has missed."""

from __future__ import annotations

from uuid import UUID

from helpdesk.attachments.text.extraction import MOST_AT_ONCE as MOST_FILES_AT_ONCE
from helpdesk.attachments.text.extraction import ask_for_unread
from helpdesk.queue.catalog import ReconcileIndex
from helpdesk.queue.outcomes import Outcome
from helpdesk.rag.indexing.reconcile import MOST_AT_ONCE, reconcile
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ReconcileIndex)
async def reconcile_index(_args: ReconcileIndex, context: WorkerContext) -> Outcome:
    """Compare sources and index, and queue the differences and unread files behind everything else."""
    return await outcome_of(_reconcile(context))


async def _reconcile(context: WorkerContext) -> None:
    files = await _ask_for_files(context)
    total, more = 0, True
    while more:
        async with context.database.transaction(context.organization_id) as session:
            queued = await reconcile(
                session,
                organization_id=context.organization_id,
                open_tickets=context.settings.rag_index_on_ticket_create,
            )
            total += queued
            more = queued >= MOST_AT_ONCE
            if not more:
                await context.complete_in(session, result={"queued": total, "files": files})


async def _ask_for_files(context: WorkerContext) -> int:
    total, last, more = 0, None, True
    while more:
        async with context.database.transaction(context.organization_id) as session:
            ids: list[UUID] = await ask_for_unread(session, organization_id=context.organization_id, after=last)
        total += len(ids)
        more = len(ids) >= MOST_FILES_AT_ONCE
        last = ids[-1] if ids else None
    return total
