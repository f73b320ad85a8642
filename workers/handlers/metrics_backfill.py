"""METRICS_BACKFILL: take the figures of a time that is past."""

from __future__ import annotations

from helpdesk.metrics.backfill import Backfill
from helpdesk.queue.catalog import MetricsBackfill
from helpdesk.queue.outcomes import Completed, Outcome
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(MetricsBackfill)
async def backfill(args: MetricsBackfill, context: WorkerContext) -> Outcome:
    """Take the days one after the other, or go on where an earlier run ended."""
    walk = Backfill(
        database=context.database,
        organization_id=context.organization_id,
        since=args.since,
        until=args.until,
        now=context.now,
        keep=context.keep_checkpoint,
        complete=lambda session, result: context.complete_in(session, result=result),
    )
    await walk.run(await context.earlier_checkpoint())
    return Completed()
