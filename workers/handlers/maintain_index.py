"""MAINTAIN_INDEX: keep graph indexes over vectors in line with how many vectors there are."""

from __future__ import annotations

from helpdesk.errors import Invalid
from helpdesk.queue.catalog import MaintainIndex
from helpdesk.queue.outcomes import Done, Fatal, Outcome, Snooze
from helpdesk.rag.maintenance.connection import MaintenanceRunning
from helpdesk.rag.maintenance.upkeep import Round
from workers.context import WorkerContext
from workers.registry import handlers

_ANOTHER_RUNS_S = 300.0


@handlers.handles(MaintainIndex)
async def maintain_index(args: MaintainIndex, context: WorkerContext) -> Outcome:
    """Maintain the index; what is done is done, so a run that ends early leaves the rest to the next one."""
    try:
        done = await Round(context.settings, context.now, context.progress, checks=args.checks).run()
    except MaintenanceRunning as running:
        return Snooze(_ANOTHER_RUNS_S, running.detail)
    except Invalid as remedy:
        raise Fatal(remedy.detail) from remedy
    return Done(done.as_result())
