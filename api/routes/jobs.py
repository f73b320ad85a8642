"""Background jobs: ask for them, look at them, set them right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response, status
from pydantic import Field

from api.dependencies import CurrentUser, ReadSession, ServicesOfApp, Transaction
from api.paging import PageOf, Paging
from api.schemas.jobs import (
    AcceptedView,
    ChildView,
    FileView,
    HolderView,
    JobDetailView,
    JobEventView,
    JobView,
    NewJob,
    NewJobs,
)
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import RoleTooLow, is_at_least, require_role
from helpdesk.errors import HelpdeskError, Invalid
from helpdesk.models.jobs import Job
from helpdesk.models.values import JobPriority, JobStatus, UserRole
from helpdesk.notifications.commands import refuse_unsendable
from helpdesk.queue import commands, queries
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.decode import decode, role_to_enqueue
from helpdesk.queue.filters import JobFilter
from helpdesk.queue.requests import Accepted, JobRequest, accept
from helpdesk.settings import Settings

router = APIRouter(prefix="/jobs", tags=["jobs"])

TraceParent = Annotated[
    str | None,
    Header(
        pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        description="The trace that the job is to belong to (W3C Trace Context).",
    ),
]


class WrongQueue(Invalid):
    """The job type belongs to another queue."""


class JobPageView(PageOf[JobView]):
    """One page of jobs."""

    total: int | None = Field(description="With `with_total`: how many there are, counted up to 100,000.")


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    summary="Enqueue a job",
    responses={200: {"model": JobView, "description": "A live job with the unique key was there already; this is it."}},
)
async def create_job(
    *,
    new: NewJob,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    services: ServicesOfApp,
    traceparent: TraceParent = None,
) -> JobView:
    """Enqueue a job of a type that is open to the outside; workers are woken when it is stored.

    `GET /jobs/types` tells which types there are, what they take, and which role may enqueue them.
    """
    request = _request(new, user, services.settings, traceparent)
    [accepted] = await accept(session, [request], organization_id=user.organization_id)
    if not accepted.is_new:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = f"/api/v1/jobs/{accepted.id}"
    found = await queries.get_job(session, organization_id=user.organization_id, job_id=accepted.id)
    return _view(found.job, user)


@router.post("/batch", status_code=status.HTTP_201_CREATED, summary="Enqueue many jobs")
async def create_jobs(
    new: NewJobs, session: Transaction, user: CurrentUser, services: ServicesOfApp, traceparent: TraceParent = None
) -> list[AcceptedView]:
    """Enqueue up to 1,000 jobs, all or none of them; the answer is in the order of the request."""
    requests = []
    for number, job in enumerate(new.jobs):
        try:
            requests.append(_request(job, user, services.settings, traceparent))
        except HelpdeskError as error:
            # Which of them it is, in the sentence and in the pointer of each field.
            raise type(error)(
                f"Job {number}: {error.detail}", **error.context | {"within": f"#/jobs/{number}"}
            ) from error
    made: list[Accepted] = await accept(session, requests, organization_id=user.organization_id)
    return [AcceptedView.model_validate(each) for each in made]


@router.get("", summary="List jobs")
async def list_jobs(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    status: JobStatus | None = None,
    job_type: Annotated[str | None, Query(max_length=200)] = None,
    queue_name: Annotated[str | None, Query(max_length=200)] = None,
    priority: JobPriority | None = None,
    unique_key: Annotated[str | None, Query(max_length=200)] = None,
    parent_id: Annotated[UUID | None, Query(description="Only those that this job asked for.")] = None,
    since: Annotated[datetime | None, Query(description="Made at or after this time.")] = None,
    before: Annotated[datetime | None, Query(description="Made before this time.")] = None,
    due_since: Annotated[datetime | None, Query(description="Due at or after this time.")] = None,
    due_before: Annotated[datetime | None, Query(description="Due before this time.")] = None,
    error: Annotated[str | None, Query(max_length=500, description="Text that the last error contains.")] = None,
    with_total: Annotated[bool, Query(description="Count them as well, which takes longer.")] = False,
) -> JobPageView:
    """Read the organisation's jobs, the newest first."""
    where = JobFilter(
        status=status,
        job_type=job_type,
        queue=queue_name,
        priority=priority,
        unique_key=unique_key,
        parent_id=parent_id,
        since=since,
        before=before,
        due_since=due_since,
        due_before=due_before,
        error=error,
    )
    own = user.organization_id
    found = await queries.list_jobs(session, organization_id=own, where=where, limit=page.limit, cursor=page.cursor)
    linked = page.linked([_view(job, user) for job in found.jobs], found.next_cursor)
    total = await queries.count_jobs(session, organization_id=own, where=where) if with_total else None
    return JobPageView(items=linked.items, next_cursor=linked.next_cursor, total=total)


@router.get("/{job_id}", summary="Read a job")
async def read_job(job_id: UUID, session: ReadSession, user: CurrentUser) -> JobDetailView:
    """Read a job with its history, the jobs it asked for, its files and the worker that has it."""
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


def _request(new: NewJob, user: SignedIn, settings: Settings, traceparent: str | None) -> JobRequest:
    """Return what is asked for, once it is clear that this user may and that the payload fits."""
    least = role_to_enqueue(new.job_type)
    try:
        require_role(user.role, least)
    except RoleTooLow as error:
        raise RoleTooLow(f"Enqueuing {new.job_type} takes the role {least}; yours is {user.role}.") from error
    args = decode(new.job_type, new.payload)
    if new.queue_name is not None and new.queue_name != args.queue:
        raise WrongQueue(f"{new.job_type} belongs to the queue {args.queue!r}, not {new.queue_name!r}.")
    refuse_unsendable(args, settings)
    return JobRequest(
        args,
        priority=new.priority,
        run_after=new.run_after,
        delay_s=new.delay_s or 0,
        max_retries=new.retries,
        unique_key=new.unique_key,
        trace_parent=traceparent,
    )


def _view(job: Job, user: SignedIn) -> JobView:
    """Return a job; what it takes is shown to those alone who may ask for such a job, an agent at least."""
    view = JobView.model_validate(job)
    kind = JOB_TYPES.get(job.job_type)
    least = (kind.enqueue_role or UserRole.AGENT) if kind else UserRole.ADMIN
    return view if is_at_least(user.role, least) else view.model_copy(update={"payload": None})


async def _detail(session: ReadSession, user: SignedIn, job_id: UUID) -> JobDetailView:
    found = await queries.get_job(session, organization_id=user.organization_id, job_id=job_id)
    return JobDetailView(
        **_view(found.job, user).model_dump(exclude={"queue_name", "max_tries"}),
        events=[JobEventView.model_validate(event) for event in found.events],
        children=[ChildView.model_validate(child) for child in found.children],
        files=[FileView.model_validate(file) for file in found.files],
        worker=None if found.worker is None else HolderView.model_validate(found.worker),
    )
