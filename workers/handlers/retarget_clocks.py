"""RETARGET_CLOCKS: put open tickets under the promises that are in force now."""

from __future__ import annotations

from helpdesk.queue.catalog import RetargetClocks
from helpdesk.queue.outcomes import Completed, Outcome, Snooze
from helpdesk.sla.policies.retargeting import Retargeting
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(RetargetClocks)
async def retarget_clocks(args: RetargetClocks, context: WorkerContext) -> Outcome:
    """Walk the open tickets, or go on where an earlier run ended."""
    run = Retargeting(
        database=context.database,
        job=context.job,
        args=args,
        now=context.now,
        keep=context.keep_checkpoint,
        complete=lambda session, result: context.complete_in(session, result=result),
    )
    wait_s = await run.run(await context.earlier_checkpoint())
    return Completed() if wait_s is None else Snooze(wait_s, "tickets are being opened under the promises of before")
