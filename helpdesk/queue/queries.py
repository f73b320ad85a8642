"""Look at jobs, at what became of them, and at the workers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models.jobs import Job, JobEvent, Worker
from helpdesk.models.values import JobStatus
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.commands import JobNotFound

# What waits, by how long: the age of the oldest job that is due tells whether workers keep up.
_OLDEST_DUE = text("""
    SELECT extract(epoch FROM now() - min(run_after))::float8 FROM job_queue
     WHERE organization_id = :organization_id AND status = 'pending' AND run_after <= now()
""")


class InvalidCursor(Invalid):
    """The cursor is not one that a list has returned."""


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list; None leaves a field open. Times are of the job's creation, `before` is exclusive."""

    status: JobStatus | None = None
    job_type: str | None = None
    queue: str | None = None
    priority: str | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class JobPage:
    """Jobs, newest first, and where the next page begins (None on the last one)."""

    jobs: list[Job]
    next_cursor: str | None


@dataclass(frozen=True)
class JobDetail:
    """A job and its history, oldest first."""

    job: Job
    events: list[JobEvent]


@dataclass(frozen=True)
class JobStats:
    """How an organisation's queue stands.

    Attributes:
        by_status: jobs by status; every status is named.
        by_type: jobs by job type and status.
        oldest_due_s: seconds the longest waiting due job has waited, 0 when none does.
    """

    by_status: dict[str, int]
    by_type: dict[str, dict[str, int]] = field(default_factory=dict)
    oldest_due_s: float = 0.0


def queue_of(job_type: str) -> str | None:
    """Return the named set a job type belongs to, None for a type this process does not know."""
    args = JOB_TYPES.get(job_type)
    return args.queue if args else None


async def list_jobs(
    session: AsyncSession,
    *,
    organization_id: UUID,
    where: JobFilter | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> JobPage:
    """List jobs, newest first, a page at a time; pages stay right while jobs come and go.

    Raises:
        InvalidCursor: when the cursor is not from an earlier page.
    """
    query = _filtered(select(Job).where(Job.organization_id == organization_id), where or JobFilter())
    if cursor is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < tuple_(*_decode(cursor)))
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    jobs = list((await session.scalars(query)).all())
    more = len(jobs) > limit
    return JobPage(jobs[:limit], _encode(jobs[limit - 1]) if more else None)


async def get_job(session: AsyncSession, *, organization_id: UUID, job_id: UUID) -> JobDetail:
    """Return a job with its history; raise JobNotFound."""
    job = await session.get(Job, job_id)
    if job is None or job.organization_id != organization_id:
        raise JobNotFound
    events = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.organization_id == organization_id)
    return JobDetail(job, list((await session.scalars(events.order_by(JobEvent.id))).all()))


async def stats(session: AsyncSession, *, organization_id: UUID) -> JobStats:
    """Count an organisation's jobs by status and type."""
    counts = select(Job.status, Job.job_type, func.count()).where(Job.organization_id == organization_id)
    by_status = dict.fromkeys((str(status) for status in JobStatus), 0)
    by_type: dict[str, dict[str, int]] = {}
    for status, job_type, count in await session.execute(counts.group_by(Job.status, Job.job_type)):
        by_status[status] += count
        by_type.setdefault(job_type, {})[status] = count
    oldest = (await session.execute(_OLDEST_DUE, {"organization_id": organization_id})).scalar_one_or_none()
    return JobStats(by_status, by_type, max(float(oldest or 0), 0.0))


async def list_workers(session: AsyncSession) -> Sequence[Worker]:
    """List the worker processes, longest running first; `last_seen` tells whether one still lives."""
    return (await session.scalars(select(Worker).order_by(Worker.started_at, Worker.id))).all()


def _filtered(query: Select[Job], where: JobFilter) -> Select[Job]:
    if where.status is not None:
        query = query.where(Job.status == where.status)
    if where.job_type is not None:
        query = query.where(Job.job_type == where.job_type)
    if where.queue is not None:
        query = query.where(Job.job_type.in_([name for name, args in JOB_TYPES.items() if args.queue == where.queue]))
    if where.priority is not None:
        query = query.where(Job.priority == where.priority)
    if where.since is not None:
        query = query.where(Job.created_at >= where.since)
    if where.before is not None:
        query = query.where(Job.created_at < where.before)
    return query


def _encode(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.id}".encode()).decode()


def _decode(cursor: str) -> tuple[datetime, UUID]:
    try:
        created_at, job_id = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        moment = datetime.fromisoformat(created_at)
        if moment.tzinfo is None:
            raise ValueError(created_at)
        return moment, UUID(job_id)
    except (ValueError, binascii.Error) as error:
        raise InvalidCursor from error
