"""RECONCILE_INDEX: queue what the search index has missed."""

from __future__ import annotations

from helpdesk.queue.catalog import ReconcileIndex
from helpdesk.queue.outcomes import Outcome
from helpdesk.rag.indexing.reconcile import MOST_AT_ONCE, reconcile
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ReconcileIndex)
async def reconcile_index(_args: ReconcileIndex, context: WorkerContext) -> Outcome:
    """Compare sources and index, and queue the differences behind everything else."""
    return await outcome_of(_reconcile(context))


async def _reconcile(context: WorkerContext) -> None:
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
                await context.complete_in(session, result={"queued": total})
