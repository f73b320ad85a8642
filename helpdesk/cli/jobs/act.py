"""`atum-desk jobs enqueue|retry|cancel`: ask for jobs and set them right."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.look import ErrorText, JobType, Queue
from helpdesk.cli.jobs.output import AsJson, print_json
from helpdesk.cli.jobs.scope import Everybody, Organization, chosen, transaction, within, within_organization_of
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue import commands
from helpdesk.queue.bulk import Changed, cancel_pending, replay_dead_letters
from helpdesk.queue.decode import decode
from helpdesk.queue.filters import JobFilter
from helpdesk.queue.requests import Accepted, JobRequest, accept

_BY = "command line"

Spread = Annotated[float, typer.Option(help="Start them at random moments within so many seconds.", min=0)]
Maybe = Annotated[UUID | None, typer.Argument(help="Id of the job.", metavar="JOB")]


def enqueue(
    job_type: Annotated[str, typer.Argument(help="Its type; `jobs types` lists them.", metavar="TYPE")],
    payload: Annotated[str, typer.Argument(help="What it takes, as a JSON object.", metavar="JSON")] = "{}",
    *,
    priority: Annotated[JobPriority | None, typer.Option(help="By default the type's own.")] = None,
    delay: Annotated[float, typer.Option(help="Not before so many seconds from now.", min=0)] = 0,
    unique_key: Annotated[str | None, typer.Option(help="While a live job has the key, make no other.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="By default the type's own.", min=0, max=100)] = None,
    as_json: AsJson = False,
    organization: Organization = None,
) -> None:
    """Enqueue a job, also of a type that the API keeps to the product."""
    request = JobRequest(
        decode(job_type, _object(payload)),
        priority=priority,
        delay_s=delay,
        max_retries=max_retries,
        unique_key=unique_key,
    )

    async def work(session: AsyncSession, organization_id: UUID | None) -> Accepted:
        assert organization_id is not None
        return (await accept(session, [request], organization_id=organization_id))[0]

    accepted = within(organization, False, work)
    if as_json:
        print_json(accepted)
    else:
        print(f"{accepted.id}{'' if accepted.is_new else '  (was there already)'}")


def retry(
    job: Maybe = None,
    *,
    all_dead: Annotated[bool, typer.Option("--all-dead", help="Every dead letter.")] = False,
    job_type: JobType = None,
    queue: Queue = None,
    error: ErrorText = None,
    spread: Spread = 0,
    as_json: AsJson = False,
    organization: Organization = None,
    everybody: Everybody = False,
) -> None:
    """Have a job tried again, or many dead letters.

    It must have been set aside or cancelled; it keeps its id and its history, and gets its full number of tries.
    """
    where = JobFilter(job_type=job_type, queue=queue, error=error)
    _one_or_many(job, where, all_of_them=all_dead, word="--all-dead")
    if job is not None:

        async def one(session: AsyncSession, organization_id: UUID) -> None:
            await commands.replay(session, organization_id=organization_id, job_id=job)

        within_organization_of(job, one)
        count = 1
    else:
        count = _page_by_page(
            organization,
            everybody,
            lambda session, own: replay_dead_letters(session, organization_id=own, where=where, spread_s=spread),
        )
    _tell(count, "to be tried again", as_json=as_json)


def cancel(
    job: Maybe = None,
    *,
    all_pending: Annotated[bool, typer.Option("--all-pending", help="Every job that waits.")] = False,
    job_type: JobType = None,
    queue: Queue = None,
    priority: Annotated[JobPriority | None, typer.Option(help="Only jobs of this priority.")] = None,
    error: ErrorText = None,
    reason: Annotated[str, typer.Option(help="Kept in the job's history.")] = _BY,
    as_json: AsJson = False,
    organization: Organization = None,
    everybody: Everybody = False,
) -> None:
    """Cancel a job, or many that wait.

    The worker of a running one is asked to stop it.
    """
    where = JobFilter(job_type=job_type, queue=queue, priority=priority, error=error)
    _one_or_many(job, where, all_of_them=all_pending, word="--all-pending")
    if job is not None:

        async def one(session: AsyncSession, organization_id: UUID) -> str:
            return await commands.cancel(session, organization_id=organization_id, job_id=job, reason=reason)

        status = within_organization_of(job, one)
        word = "cancelled" if status == "cancelled" else "asked to stop"
        _tell(1, word, as_json=as_json)
        return
    count = _page_by_page(
        organization,
        everybody,
        lambda session, own: cancel_pending(session, organization_id=own, where=where, reason=reason),
    )
    _tell(count, "cancelled", as_json=as_json)


def _one_or_many(job: UUID | None, where: JobFilter, *, all_of_them: bool, word: str) -> None:
    if (job is not None) + (not where.is_open) + all_of_them != 1:
        raise typer.BadParameter(f"name a job, or narrow them down with options, or say {word}")


def _page_by_page(
    organization: str | None,
    everybody: bool,
    change: Callable[[AsyncSession, UUID | None], Awaitable[Changed]],
) -> int:
    """Change jobs a page at a time, each in a transaction of its own; return how many."""

    async def work(database: Database) -> int:
        organization_id, count, more = await chosen(database, organization, everybody), 0, True
        while more:
            async with transaction(database, organization_id) as session:
                changed = await change(session, organization_id)
            count += len(changed.ids)
            # Those that somebody else holds are passed over: they would be found again and again.
            more = changed.more and bool(changed.ids)
        return count

    return run(work)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise typer.BadParameter("the payload must be a JSON object")
    return value


def _tell(count: int, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"count": count})
    else:
        print(f"{count} {what}")
