"""REPORT_DRIFT: compare a week of triage with the weeks before it."""

from __future__ import annotations

from helpdesk.queue.catalog import ReportDrift
from helpdesk.queue.outcomes import Outcome
from helpdesk.triage.learning.drift import last_week_until, report_drift
from helpdesk.triage.learning.gates import review_gates
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ReportDrift)
async def report_on_drift(args: ReportDrift, context: WorkerContext) -> Outcome:
    """Report on the week."""
    return await outcome_of(_report(args, context))


async def _report(args: ReportDrift, context: WorkerContext) -> None:
    organization_id, now = context.organization_id, context.now()
    async with context.database.transaction(organization_id) as session:
        report = await report_drift(
            session, organization_id=organization_id, until=args.until or last_week_until(now), now=now
        )
        await review_gates(session, organization_id=organization_id, now=now)
        result = {"report_id": str(report.id), "alarm": report.alarm, "summary": report.summary}
        await context.complete_in(session, result=result)
