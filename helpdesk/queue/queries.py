"""Look at jobs, at what became of them, and at the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models.files import JobFile
from helpdesk.models.jobs import Job, JobEvent, JobPause, Worker
from helpdesk.queue.commands import JobNotFound
from helpdesk.queue.filters import JobFilter, conditions
from helpdesk.queue.limits import default_slots

# Counting stops here: a total is for people, who do not count further.
MOST_COUNTED = 100_000
_MOST_CHILDREN = 1000


# Both counts are of partial indexes over live jobs with a key.
_LIMITS = text("""
    SELECT limit_key, sum(running)::int AS running, sum(pending)::int AS pending,
           coalesce((SELECT slots FROM job_limits AS own WHERE own.limit_key = counted.limit_key),
                    (SELECT slots FROM job_limits AS family
                      WHERE family.limit_key = split_part(counted.limit_key, ':', 1) || ':*')) AS slots
      FROM (SELECT limit_key, 1 AS running, 0 AS pending FROM job_queue
             WHERE (status = 'running' AND limit_key IS NOT NULL)::int = 1
             UNION ALL
            SELECT limit_key, 0, 1 FROM job_queue
             WHERE (status = 'pending' AND limit_key IS NOT NULL AND crash_count < 2)::int = 1
             UNION ALL
            SELECT limit_key, 0, 0 FROM job_limits) AS counted
     GROUP BY limit_key ORDER BY limit_key
""")


class InvalidCursor(Invalid):
    """The cursor is not one that a list has returned."""


@dataclass(frozen=True)
class JobPage:
    """Jobs, newest first, and where the next page begins (None on the last one)."""

    jobs: list[Job]
    next_cursor: str | None


@dataclass(frozen=True)
class JobDetail:
    """A job, its history (oldest first), the jobs it asked for, the files it made, and the worker that has it.

    Attributes:
        children: at most 1,000, oldest first.
        files: by name.
        worker: None when none has it, or the one that had it is no longer listed.
    """

    job: Job
    events: list[JobEvent]
    children: list[Job] = field(default_factory=list)
    files: list[JobFile] = field(default_factory=list)
    worker: Worker | None = None


@dataclass(frozen=True)
class LimitState:
    """How many jobs under a limit key may run at a time, how many do, and how many wait."""

    limit_key: str
    slots: int
    running: int
    pending: int


async def list_jobs(
    session: AsyncSession,
    *,
    organization_id: UUID | None,
    where: JobFilter | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> JobPage:
    """List jobs, newest first, a page at a time; pages stay right while jobs come and go.

    Args:
        organization_id: None lists everybody's, in a transaction of the worker role.

    Raises:
        InvalidCursor: when the cursor is not from an earlier page.
    """
    query = select(Job).where(*conditions(where or JobFilter(), organization_id=organization_id))
    if cursor is not None:
        query = query.where(Job.id < _decode(cursor))
    # Ids sort by the time they were made, and have an index; the time itself has none.
    jobs = list((await session.scalars(query.order_by(Job.id.desc()).limit(limit + 1))).all())
    more = len(jobs) > limit
    return JobPage(jobs[:limit], str(jobs[limit - 1].id) if more else None)


async def count_jobs(session: AsyncSession, *, organization_id: UUID | None, where: JobFilter) -> int:
    """Count jobs, up to 100,000."""
    found = select(Job.id).where(*conditions(where, organization_id=organization_id)).limit(MOST_COUNTED)
    return (await session.execute(select(func.count()).select_from(found.subquery()))).scalar_one()


async def get_job(session: AsyncSession, *, organization_id: UUID | None, job_id: UUID) -> JobDetail:
    """Return a job with its history, children and files; raise JobNotFound."""
    job = await session.get(Job, job_id)
    if job is None or organization_id not in (None, job.organization_id):
        raise JobNotFound
    own = JobEvent.organization_id == job.organization_id
    events = select(JobEvent).where(JobEvent.job_id == job_id, own).order_by(JobEvent.id)
    children = select(Job).where(Job.parent_id == job_id, Job.organization_id == job.organization_id)
    files = select(JobFile).where(JobFile.job_id == job_id, JobFile.organization_id == job.organization_id)
    return JobDetail(
        job,
        list((await session.scalars(events)).all()),
        list((await session.scalars(children.order_by(Job.id).limit(_MOST_CHILDREN))).all()),
        list((await session.scalars(files.order_by(JobFile.name))).all()),
        await session.get(Worker, job.locked_by) if job.locked_by else None,
    )


async def organization_of_job(session: AsyncSession, *, job_id: UUID) -> UUID:
    """Return whose job it is, in a transaction of the worker role; raise JobNotFound."""
    found = await session.scalar(select(Job.organization_id).where(Job.id == job_id))
    if found is None:
        raise JobNotFound
    return found


async def list_workers(session: AsyncSession) -> Sequence[Worker]:
    """List the worker processes, longest running first; `last_seen` tells whether one still lives."""
    return (await session.scalars(select(Worker).order_by(Worker.started_at, Worker.id))).all()


async def list_pauses(session: AsyncSession) -> Sequence[JobPause]:
    """List what is paused, for every organisation, the longest paused first."""
    return (await session.scalars(select(JobPause).order_by(JobPause.paused_at, JobPause.name))).all()


async def list_limits(session: AsyncSession) -> list[LimitState]:
    """List limit keys that have a limit of their own or live jobs, by name.

    The jobs counted are those the session may see: an organisation's own, or in a transaction of the worker role
    everybody's.
    """
    rows = (await session.execute(_LIMITS)).all()
    slots = (default_slots(row.limit_key) if row.slots is None else row.slots for row in rows)
    return [LimitState(row.limit_key, most, row.running, row.pending) for row, most in zip(rows, slots, strict=True)]


def liveness(last_seen: datetime, *, now: datetime, lease_timeout_s: float) -> str:
    """Return how a worker does: `alive`, `late` (it claims nothing any more) or `gone` (its jobs are rescued).

    Args:
        now: by the database's clock, like `last_seen`.
    """
    silent_s = (now - last_seen).total_seconds()
    if silent_s >= lease_timeout_s:
        return "gone"
    return "late" if silent_s >= lease_timeout_s * 2 / 3 else "alive"


def _decode(cursor: str) -> UUID:
    try:
        return UUID(cursor)
    except ValueError as error:
        raise InvalidCursor from error
