"""EXPORT_TICKETS: write an organisation's tickets into a file."""

from __future__ import annotations

from helpdesk.queue.catalog import ExportTickets
from helpdesk.queue.outcomes import Outcome
from helpdesk.storage import Storage
from helpdesk.transfer.export_formats import ExportFormat
from helpdesk.transfer.export_job import ExportRun
from helpdesk.transfer.export_rows import Wanted
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ExportTickets)
async def export_tickets(args: ExportTickets, context: WorkerContext) -> Outcome:
    """Export the tickets, or go on where an earlier run ended."""
    return await outcome_of(_export(args, context))


async def _export(args: ExportTickets, context: WorkerContext) -> None:
    run = ExportRun(
        database=context.database,
        storage=Storage(context.settings),
        job=context.job,
        wanted=Wanted(since=args.since, until=args.until, statuses=args.statuses),
        form=ExportFormat(args.format),
        keep=context.keep_checkpoint,
        complete=lambda session, result: context.complete_in(session, result=result),
    )
    await run.run(await context.earlier_checkpoint(), now=context.now)
