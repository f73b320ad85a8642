"""METRICS_SNAPSHOT: take the figures of a bucket."""

from __future__ import annotations

from helpdesk.metrics.snapshot import take_snapshot
from helpdesk.queue.catalog import MetricsSnapshot
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(MetricsSnapshot)
async def snapshot(args: MetricsSnapshot, context: WorkerContext) -> Outcome:
    """Take the snapshot of the bucket."""
    return await outcome_of(
        take_snapshot(
            context.database,
            organization_id=context.organization_id,
            bucket_start=args.bucket_start,
            now=context.now(),
            complete=context.complete_in,
        )
    )
