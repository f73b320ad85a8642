"""The job queue and the workers on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from api.dependencies import CurrentUser, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.schemas.jobs import (
    JobDetailView,
    JobEventView,
    JobMade,
    JobStatsView,
    JobView,
    NewJob,
    WorkerView,
)
from helpdesk.errors import Invalid
from helpdesk.models.jobs import Job
from helpdesk.models.values import JobPriority, JobStatus, UserRole
from helpdesk.queue import commands, queries
from helpdesk.queue.decode import decode_from_outside
from helpdesk.queue.enqueue import enqueue

router = APIRouter(prefix="/jobs", tags=["jobs"])


class WrongQueue(Invalid):
    """The job type belongs to another queue."""


@router.post("", status_code=status.HTTP_201_CREATED, summary="Enqueue a job")
async def create_job(new: NewJob, response: Response, session: Transaction, user: CurrentUser) -> JobMade:
    """Enqueue a job of a type that is open to the outside; workers are woken when it is stored."""
    args = decode_from_outside(new.job_type, new.payload)
    if new.queue_name is not None and new.queue_name != args.queue:
        raise WrongQueue(f"{new.job_type} belongs to the queue {args.queue!r}, not {new.queue_name!r}.")
    job_id = await enqueue(
        session,
        args,
        organization_id=user.organization_id,
        run_after=new.run_after,
        priority=new.priority,
        unique_key=new.unique_key,
        max_retries=new.max_tries,
    )
    response.headers["Location"] = f"/api/v1/jobs/{job_id}"
    return JobMade(id=job_id)


@router.get("", summary="List jobs")
async def list_jobs(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    status: JobStatus | None = None,
    job_type: Annotated[str | None, Query(max_length=200)] = None,
    queue: Annotated[str | None, Query(max_length=200)] = None,
    priority: JobPriority | None = None,
    since: Annotated[datetime | None, Query(description="Made at or after this time.")] = None,
    before: Annotated[datetime | None, Query(description="Made before this time.")] = None,
) -> PageOf[JobView]:
    """Read the organisation's jobs, the newest first."""
    where = queries.JobFilter(
        status=status, job_type=job_type, queue=queue, priority=priority, since=since, before=before
    )
    found = await queries.list_jobs(
        session, organization_id=user.organization_id, where=where, limit=page.limit, cursor=page.cursor
    )
    return page.linked([_view(job) for job in found.jobs], found.next_cursor)


@router.get("/stats/overview", summary="Count jobs")
async def stats(session: ReadSession, user: CurrentUser) -> JobStatsView:
    """Count the organisation's jobs by status and type, and tell how long the longest waiting one has waited."""
    return JobStatsView.model_validate(await queries.stats(session, organization_id=user.organization_id))


@router.get("/workers", summary="List workers", dependencies=[needs(UserRole.ADMIN)])
async def list_workers(session: ReadSession) -> list[WorkerView]:
    """Read the worker processes, which serve every organisation; takes the role admin."""
    return [WorkerView.model_validate(worker) for worker in await queries.list_workers(session)]


@router.get("/{job_id}", summary="Read a job")
async def read_job(job_id: UUID, session: ReadSession, user: CurrentUser) -> JobDetailView:
    """Read a job with its history."""
    return await _detail(session, user, job_id)


@router.post("/{job_id}/retry", summary="Try a job again")
async def retry_job(job_id: UUID, session: Transaction, user: CurrentUser) -> JobDetailView:
    """Have a job that was set aside or cancelled tried again, with its full number of tries."""
    await commands.replay(session, organization_id=user.organization_id, job_id=job_id)
    return await _detail(session, user, job_id)


@router.post("/{job_id}/cancel", summary="Cancel a job")
async def cancel_job(job_id: UUID, session: Transaction, user: CurrentUser) -> JobDetailView:
    """Cancel a waiting job, or ask the worker of a running one to stop it."""
    await commands.cancel(
        session, organization_id=user.organization_id, job_id=job_id, reason=f"cancelled by {user.email}"
    )
    return await _detail(session, user, job_id)


def _view(job: Job) -> JobView:
    return JobView.model_validate(_values(job))


def _values(job: Job) -> dict[str, object]:
    values = {name: getattr(job, name) for name in JobView.model_fields if name != "queue"}
    return values | {"queue": queries.queue_of(job.job_type)}


async def _detail(session: ReadSession, user: CurrentUser, job_id: UUID) -> JobDetailView:
    found = await queries.get_job(session, organization_id=user.organization_id, job_id=job_id)
    events = [JobEventView.model_validate(event) for event in found.events]
    return JobDetailView.model_validate(_values(found.job) | {"events": events})
