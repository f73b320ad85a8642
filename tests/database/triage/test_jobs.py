"""The jobs of learning, run by a worker with the product's own handlers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import workers.handlers  # noqa: F401 (registers them)
from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import ReportDrift
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from tests.database.queue.jobs import until
from tests.database.queue.test_upkeep_jobs import a_worker
from tests.database.triage.desk import LearningDesk

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_late_tick_reports_on_the_week_that_was_over_when_it_was_due() -> None:
    for late in (timedelta(hours=5, minutes=45), timedelta(days=3)):
        assert ReportDrift.for_tick(MONDAY + late, {}).until == MONDAY
    assert ReportDrift.for_tick(MONDAY, {"until": "2026-02-02T00:00:00Z"}).until == datetime(2026, 2, 2, tzinfo=UTC)


async def _result(desk: LearningDesk, args: JobArgs) -> dict[str, Any]:
    async with desk.database.transaction(desk.organization_id) as session:
        job_id = await enqueue(session, args, organization_id=desk.organization_id)
    link = Link(desk.settings, application="test")
    try:
        async with a_worker(desk.settings, upkeep=False):
            await until(link, job_id, "completed")
    finally:
        await link.close()
    [row] = await desk.rows("SELECT result FROM job_queue WHERE id = :id", id=job_id)
    result: dict[str, Any] = row.result
    return result


async def test_a_report_on_drift_is_kept_and_named_in_the_jobs_result(desk: LearningDesk) -> None:
    for _ in range(2):
        await desk.predicted()
    result = await _result(desk, ReportDrift(until=MONDAY + timedelta(days=7)))
    assert (result["alarm"], result["summary"]) == (False, "Nothing to do.")
    [report] = await desk.rows("SELECT id, fields FROM drift_reports")
    assert result["report_id"] == str(report.id)
    assert report.fields["category"]["figures"]["week"]["predictions"] == 2
    # The gates were looked at, too.
    assert await desk.rows("SELECT 1 FROM triage_gates WHERE field = 'category'")
