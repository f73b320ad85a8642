"""SLA_REPORT: report how a week's service-level promises were kept."""

from __future__ import annotations

from helpdesk.queue.catalog import SlaReport
from helpdesk.queue.outcomes import Cancel, Outcome, Snooze
from helpdesk.reports.sla_job import make_sla_report
from helpdesk.reports.sla_report import WeekNotOver
from helpdesk.storage import Storage
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers

# Where the organisation is, Monday comes up to this much later than where the schedule counts its weeks.
_MONDAY_COMES_S = 26 * 3600.0


@handlers.handles(SlaReport)
async def sla_report(args: SlaReport, context: WorkerContext) -> Outcome:
    """Write the report of the week, once it is over."""
    try:
        return await outcome_of(_report(args, context))
    except WeekNotOver as early:
        left: float = early.context["seconds"]
        return Snooze(left, early.detail) if left <= _MONDAY_COMES_S else Cancel(early.detail)


async def _report(args: SlaReport, context: WorkerContext) -> None:
    await make_sla_report(
        context.database,
        Storage(context.settings),
        job=context.job,
        week_start=args.week_start,
        now=context.now(),
        complete=lambda session, result: context.complete_in(session, result=result),
    )
