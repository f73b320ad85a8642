"""Make the files of the weekly SLA report, as a job and for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.files import MadeFile, add_files, write_file
from helpdesk.reports.sla_page import page
from helpdesk.reports.sla_report import SlaReport, read_sla_report
from helpdesk.reports.sla_tables import breaches_csv, figures_csv, report_json
from helpdesk.storage import Storage

KEPT = timedelta(days=400)

_CSV = "text/csv; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_JSON = "application/json"

Complete = Callable[[AsyncSession, dict[str, Any]], Awaitable[None]]


def render(report: SlaReport) -> dict[str, tuple[str, bytes]]:
    """Return {file name: (media type, content)} of a report; takes its time when there are many breaches."""
    name = f"sla-{report.week.name}"
    return {
        f"{name}.html": (_HTML, page(report).encode()),
        f"{name}-figures.csv": (_CSV, figures_csv(report)),
        f"{name}-breaches.csv": (_CSV, breaches_csv(report)),
        f"{name}.json": (_JSON, report_json(report)),
    }


async def make_sla_report(
    database: Database,
    storage: Storage,
    *,
    job: JobInHand,
    week_start: date | None,
    now: datetime,
    complete: Complete,
) -> None:
    """Read a week in one snapshot, write its files, list them and complete the job.

    Raises:
        WeekNotOver: the week is still under way.
        LeaseLost: when the job is no longer this worker's.
    """
    async with database.snapshot(job.organization_id) as session:
        report = await read_sla_report(session, organization_id=job.organization_id, monday=week_start, now=now)
    files = await asyncio.to_thread(_write, storage, job.organization_id, report)
    async with database.transaction(job.organization_id) as session:
        await add_files(
            session,
            files,
            organization_id=job.organization_id,
            job_id=job.id,
            job_type=job.job_type,
            now=now,
            kept=KEPT,
        )
        await complete(session, _result(report, files))


def _write(storage: Storage, organization_id: UUID, report: SlaReport) -> list[MadeFile]:
    return [
        write_file(storage, organization_id=organization_id, name=name, media_type=media_type, data=data)
        for name, (media_type, data) in render(report).items()
    ]


def _result(report: SlaReport, files: list[MadeFile]) -> dict[str, Any]:
    return {
        "week": report.week.name,
        "files": [file.name for file in files],
        "met": report.whole.week.met,
        "breached": report.whole.week.breached,
    }
