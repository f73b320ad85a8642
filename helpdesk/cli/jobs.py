"""`atum-desk jobs`: look at background jobs, and set them right."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.cli.connection import run
from helpdesk.cli.users import OrganizationSlug, organization_named
from helpdesk.database.engine import Database
from helpdesk.models.jobs import Job, JobEvent
from helpdesk.models.values import JobStatus
from helpdesk.queue import commands, queries

app = typer.Typer(
    no_args_is_help=True,
    help="Look at background jobs, and set them right.",
    add_completion=False,
    rich_markup_mode=None,
)

Result = TypeVar("Result")
JobId = Annotated[UUID, typer.Argument(help="Id of the job.", metavar="JOB")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_jobs(
    *,
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs of this status.")] = None,
    job_type: Annotated[str | None, typer.Option("--type", help="Only jobs of this type, such as SMART_REPLY.")] = None,
    queue: Annotated[str | None, typer.Option(help="Only jobs of this queue, such as ai.")] = None,
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1, max=1000)] = 50,
    as_json: AsJson = False,
    organization: OrganizationSlug = None,
) -> None:
    """List jobs, the newest first."""
    where = queries.JobFilter(status=status, job_type=job_type, queue=queue)

    async def work(session: AsyncSession, organization_id: UUID) -> queries.JobPage:
        return await queries.list_jobs(session, organization_id=organization_id, where=where, limit=limit)

    jobs = _in_organization(organization, work).jobs
    if as_json:
        _print_json([_plain(job) for job in jobs])
        return
    for job in jobs:
        error = f"  {job.last_error.splitlines()[0][:80]}" if job.last_error else ""
        print(f"{job.id}  {job.status:<12}{job.job_type:<22}{job.priority:<8}{job.created_at:%Y-%m-%d %H:%M:%S}{error}")


@app.command()
def stats(*, as_json: AsJson = False, organization: OrganizationSlug = None) -> None:
    """Count jobs by type and status, and tell how long the oldest due one has waited."""

    async def work(session: AsyncSession, organization_id: UUID) -> queries.JobStats:
        return await queries.stats(session, organization_id=organization_id)

    found = _in_organization(organization, work)
    if as_json:
        _print_json(
            {"by_status": found.by_status, "by_type": found.by_type, "oldest_due_s": round(found.oldest_due_s, 3)}
        )
        return
    for job_type, counts in sorted(found.by_type.items()):
        print(f"{job_type:<24}{', '.join(f'{count} {status}' for status, count in sorted(counts.items()))}")
    print(f"oldest due job has waited {found.oldest_due_s:.1f} s")


@app.command()
def show(job: JobId, *, as_json: AsJson = False, organization: OrganizationSlug = None) -> None:
    """Show a job and its history."""

    async def work(session: AsyncSession, organization_id: UUID) -> queries.JobDetail:
        return await queries.get_job(session, organization_id=organization_id, job_id=job)

    detail = _in_organization(organization, work)
    if as_json:
        _print_json(_plain(detail.job) | {"events": [_plain(event) for event in detail.events]})
        return
    for name, value in _plain(detail.job).items():
        if value not in (None, "", {}):
            print(f"{name:<22}{value}")
    for event in detail.events:
        print(f"{event.created_at:%Y-%m-%d %H:%M:%S}  {event.event:<18} try {event.attempt}  {event.detail or ''}")


@app.command()
def retry(
    job: Annotated[UUID | None, typer.Argument(help="Id of a dead letter or cancelled job.", metavar="JOB")] = None,
    *,
    every: Annotated[bool, typer.Option("--all-dead", help="Every dead letter.")] = False,
    job_type: Annotated[str | None, typer.Option("--type", help="With --all-dead: only those of this type.")] = None,
    spread: Annotated[float, typer.Option(help="With --all-dead: start them within so many seconds.", min=0)] = 0,
    organization: OrganizationSlug = None,
) -> None:
    """Have a job tried again that was given up or cancelled."""
    if (job is None) is not every:
        raise typer.BadParameter("name a job, or say --all-dead")

    async def work(session: AsyncSession, organization_id: UUID) -> int:
        if job is not None:
            await commands.replay(session, organization_id=organization_id, job_id=job)
            return 1
        return len(
            await commands.replay_dead_letters(
                session, organization_id=organization_id, job_type=job_type, spread_s=spread
            )
        )

    print(f"{_in_organization(organization, work)} to be tried again")


@app.command()
def cancel(job: JobId, *, organization: OrganizationSlug = None) -> None:
    """Cancel a waiting job, or ask the worker of a running one to stop it."""

    async def work(session: AsyncSession, organization_id: UUID) -> str:
        return await commands.cancel(session, organization_id=organization_id, job_id=job, reason="command line")

    print(_in_organization(organization, work))


def _in_organization(slug: str | None, work: Callable[[AsyncSession, UUID], Awaitable[Result]]) -> Result:
    async def opened(database: Database) -> Result:
        organization_id = await organization_named(database, slug)
        async with database.transaction(organization_id) as session:
            return await work(session, organization_id)

    return run(opened)


def _plain(row: Job | JobEvent) -> dict[str, Any]:
    """Return a row's columns as JSON values."""
    values = {column.key: getattr(row, column.key) for column in row.__table__.columns}
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
        for name, value in values.items()
    }


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))
