"""PROVE_CLOCKS: replay the tickets' logs, and set right what differs."""

from __future__ import annotations

from helpdesk.queue.catalog import ProveClocks
from helpdesk.queue.outcomes import Outcome
from helpdesk.sla.proof.proving import Proving
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ProveClocks)
async def prove_clocks(args: ProveClocks, context: WorkerContext) -> Outcome:
    """Prove the clocks, or go on where an earlier run ended."""
    return await outcome_of(_prove(args, context))


async def _prove(args: ProveClocks, context: WorkerContext) -> None:
    await Proving(
        database=context.database,
        organization_id=context.organization_id,
        # What the proof has stored of itself is the job's checkpoint, exact to the chunk.
        id=context.job.id,
        heals=args.heal,
        tell=context.progress,
        complete=lambda session, result: context.complete_in(session, result=result),
    ).run()
