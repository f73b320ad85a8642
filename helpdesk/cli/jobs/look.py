"""`atum-desk jobs list|show|stats|dead`: look at jobs."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.cli.jobs.output import (
    AsJson,
    ago,
    console,
    first_line,
    plain,
    print_fields,
    print_json,
    print_table,
    span,
)
from helpdesk.cli.jobs.scope import Everybody, JobId, Organization, within, within_organization_of
from helpdesk.database.engine import transaction_time
from helpdesk.models.jobs import Job
from helpdesk.models.values import JobPriority, JobStatus
from helpdesk.queue import causes, figures, overview, queries
from helpdesk.queue.filters import JobFilter, queue_of

_WIDE_ENOUGH_FOR_ERRORS = 110

JobType = Annotated[str | None, typer.Option("--type", help="Only jobs of this type, such as SMART_REPLY.")]
Queue = Annotated[str | None, typer.Option(help="Only jobs of this queue, such as ai.")]
ErrorText = Annotated[str | None, typer.Option("--error", help="Only jobs whose last error contains this.")]


def list_jobs(
    *,
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs of this status.")] = None,
    job_type: JobType = None,
    queue: Queue = None,
    priority: Annotated[JobPriority | None, typer.Option(help="Only jobs of this priority.")] = None,
    unique_key: Annotated[str | None, typer.Option(help="Only jobs with this unique key.")] = None,
    parent: Annotated[UUID | None, typer.Option(help="Only jobs that this job asked for.", metavar="JOB")] = None,
    error: ErrorText = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, the newest first.", min=1, max=10_000)] = 50,
    as_json: AsJson = False,
    organization: Organization = None,
    everybody: Everybody = False,
) -> None:
    """List jobs, the newest first."""
    where = JobFilter(
        status=status,
        job_type=job_type,
        queue=queue,
        priority=priority,
        unique_key=unique_key,
        parent_id=parent,
        error=error,
    )

    async def work(session: AsyncSession, organization_id: UUID | None) -> None:
        page = await queries.list_jobs(session, organization_id=organization_id, where=where, limit=limit)
        if as_json:
            print_json([_job(job) for job in page.jobs])
            return
        now = await transaction_time(session)
        shown = console()
        wide = shown.width >= _WIDE_ENOUGH_FOR_ERRORS
        print_table(
            (
                [job.id, job.status, job.job_type, job.attempts, ago(job.created_at, now)]
                + ([job.priority, first_line(job.last_error)] if wide else [])
                for job in page.jobs
            ),
            *("ID", "STATUS", "TYPE", "TRIES", "AGE"),
            *(("PRIORITY", "ERROR") if wide else ()),
            whole=("ID", "STATUS", "TRIES", "AGE"),
            on=shown,
        )

    within(organization, everybody, work)


def show(job: JobId, *, as_json: AsJson = False) -> None:
    """Show a job with its history, the jobs it asked for and its files."""

    async def work(session: AsyncSession, organization_id: UUID) -> None:
        detail = await queries.get_job(session, organization_id=organization_id, job_id=job)
        fields = _job(detail.job) | {"worker": detail.worker and f"{detail.worker.host}, pid {detail.worker.pid}"}
        if as_json:
            history = {"events": detail.events, "children": [_job(child) for child in detail.children]}
            print_json(fields | history | {"files": detail.files})
            return
        print_fields(fields)
        print()
        print_table(
            ([each.created_at, each.event, each.attempt, first_line(each.detail)] for each in detail.events),
            *("WHEN", "EVENT", "TRY", "DETAIL"),
            whole=("WHEN", "EVENT", "TRY"),
        )
        if detail.children:
            print()
            print_table(
                ([child.id, child.status, child.job_type] for child in detail.children),
                *("CHILD", "STATUS", "TYPE"),
                whole=("CHILD",),
            )
        for file in detail.files:
            print(f"\nfile  {file.name}  {file.size_bytes} bytes, until {file.expires_at:%Y-%m-%d}")

    within_organization_of(job, work)


def stats(*, as_json: AsJson = False, organization: Organization = None, everybody: Everybody = False) -> None:
    """Count jobs, and tell how fast they go.

    Completed jobs are counted over the last 24 hours, throughput and times over the last one.
    """

    async def work(session: AsyncSession, organization_id: UUID | None) -> None:
        now = await transaction_time(session)
        counts = await overview.stats(session, organization_id=organization_id, now=now)
        done = await figures.metrics(session, organization_id=organization_id, now=now)
        if as_json:
            print_json(plain(counts) | {"windows": plain(done.windows), "times": plain(done.times)})
            return
        lags = dict.fromkeys(counts.by_type, 0.0)
        for lag in counts.lags:
            lags[lag.job_type] = max(lags[lag.job_type], lag.oldest_due_s)
        print_table(
            (
                [
                    job_type,
                    *(found.get(status, 0) for status in JobStatus),
                    span(lags[job_type]) if lags[job_type] else "",
                ]
                for job_type, found in counts.by_type.items()
            ),
            *("TYPE", "PENDING", "RUNNING", "COMPLETED", "CANCELLED", "DEAD", "BEHIND"),
            whole=("PENDING", "RUNNING", "COMPLETED", "CANCELLED", "DEAD", "BEHIND"),
        )
        print()
        for window in done.windows:
            print(
                f"last {window.minutes:>2} minutes: {window.completed} completed ({window.per_second:g}/s), "
                f"{window.failures} failed tries, {window.dead_lettered} dead, {window.rescues} rescued"
            )
        times = done.times
        print(
            f"wait: median {span(times.wait_p50_s) or '-'}, 95 % {span(times.wait_p95_s) or '-'}; "
            f"run: median {span(times.run_p50_s) or '-'}, 95 % {span(times.run_p95_s) or '-'}"
        )
        print(f"oldest due job has waited {counts.oldest_due_s:.1f} s; {counts.delayed} are not due yet")

    within(organization, everybody, work)


def dead(
    *,
    job_type: JobType = None,
    as_json: AsJson = False,
    organization: Organization = None,
    everybody: Everybody = False,
) -> None:
    """Group dead letters by cause, the most frequent first."""

    async def work(session: AsyncSession, organization_id: UUID | None) -> None:
        found = await causes.dead_by_cause(session, organization_id=organization_id, job_type=job_type)
        if as_json:
            print_json(found)
            return
        now = await transaction_time(session)
        print_table(
            ([each.jobs, each.job_type, ago(each.last_seen, now), each.sample, each.cause] for each in found),
            *("JOBS", "TYPE", "LAST", "SAMPLE", "CAUSE"),
            whole=("JOBS", "LAST", "SAMPLE"),
        )

    within(organization, everybody, work)


def _job(job: Job) -> dict[str, object]:
    hidden = ("lane", "claimable")
    values = {name: value for name, value in plain(job).items() if name not in hidden}
    return values | {"queue_name": queue_of(job.job_type), "max_tries": job.max_retries + 1}
