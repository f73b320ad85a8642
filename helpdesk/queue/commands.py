"""What people do to jobs: stop them, and have them tried again."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, NotFound
from helpdesk.models.jobs import Job
from helpdesk.queue.wake import CANCEL, JOBS, wake_after_commit

# A pending job is gone at once; a running one is marked, and its worker's next heartbeat sees it.
_CANCEL = text("""
    WITH asked AS (
        UPDATE job_queue
           SET status = CASE status WHEN 'pending' THEN 'cancelled' ELSE status END,
               finished_at = CASE status WHEN 'pending' THEN now() END,
               cancel_requested_at = coalesce(cancel_requested_at, now()), updated_at = now()
         WHERE id = :id AND organization_id = :organization_id AND status IN ('pending', 'running')
        RETURNING id, organization_id, attempts, status),
    event AS (
        INSERT INTO job_events (organization_id, job_id, event, attempt, detail)
        SELECT organization_id, id, CASE status WHEN 'cancelled' THEN 'cancelled' ELSE 'cancel_requested' END,
               attempts, :reason FROM asked)
    SELECT status FROM asked
""")

# Id, lease and history stay; only what keeps it from being tried is cleared. A live job with the same unique key stands
# in the way, and is skipped rather than made two.
_REPLAY = text("""
    WITH dead AS MATERIALIZED (
        SELECT id FROM job_queue AS j
         WHERE organization_id = :organization_id AND status = ANY (CAST(:statuses AS text[]))
           AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY (CAST(:ids AS uuid[])))
           AND (CAST(:job_type AS text) IS NULL OR job_type = :job_type)
           AND (unique_key IS NULL OR NOT EXISTS (
                SELECT 1 FROM job_queue AS live
                 WHERE live.organization_id = j.organization_id AND live.job_type = j.job_type
                   AND live.unique_key = j.unique_key AND live.status IN ('pending', 'running')))
         ORDER BY finished_at LIMIT :limit FOR UPDATE SKIP LOCKED),
    again AS (
        UPDATE job_queue
           SET status = 'pending', retry_count = 0, crash_count = 0, cancel_requested_at = NULL, finished_at = NULL,
               started_at = NULL, updated_at = now(),
               run_after = now() + make_interval(secs => CAST(:spread_s AS float8) * random())
         WHERE id = ANY (ARRAY(SELECT id FROM dead))
        RETURNING id, organization_id, attempts),
    event AS (
        INSERT INTO job_events (organization_id, job_id, event, attempt)
        SELECT organization_id, id, 'replayed', attempts FROM again)
    SELECT id FROM again
""")
_MOST_REPLAYED = 10_000


class JobNotFound(NotFound):
    """There is no such job."""


class JobHasEnded(Conflict):
    """The job has ended already."""


class JobNotReplayable(Conflict):
    """Only a job that was set aside or cancelled can be tried again."""


class LiveJobExists(Conflict):
    """A pending or running job has the same unique key."""


async def cancel(session: AsyncSession, *, organization_id: UUID, job_id: UUID, reason: str = "asked for") -> str:
    """Cancel a pending job, or ask the worker of a running one to stop it.

    Returns:
        The job's status afterwards: `cancelled`, or `running` until its worker has heard.

    Raises:
        JobNotFound, JobHasEnded
    """
    values = {"id": job_id, "organization_id": organization_id, "reason": reason}
    status = (await session.execute(_CANCEL, values)).scalar_one_or_none()
    if status is None:
        job = await _job(session, organization_id=organization_id, job_id=job_id)
        raise JobHasEnded(f"The job is {job.status.replace('_', ' ')} already.", status=job.status)
    if status == "running":
        wake_after_commit(session, CANCEL)
    return str(status)


async def replay(session: AsyncSession, *, organization_id: UUID, job_id: UUID) -> None:
    """Have a dead letter or a cancelled job tried again, with its full number of tries.

    Raises:
        JobNotFound, JobNotReplayable, LiveJobExists
    """
    if await _replay(session, organization_id=organization_id, ids=[job_id], statuses=("dead_letter", "cancelled")):
        return
    job = await _job(session, organization_id=organization_id, job_id=job_id)
    if job.status in ("dead_letter", "cancelled"):
        raise LiveJobExists(unique_key=job.unique_key)
    raise JobNotReplayable(f"The job is {job.status}.", status=job.status)


async def replay_dead_letters(
    session: AsyncSession,
    *,
    organization_id: UUID,
    job_type: str | None = None,
    ids: Sequence[UUID] | None = None,
    spread_s: float = 0,
) -> list[UUID]:
    """Have dead letters tried again, up to 10,000 at a time, oldest first; return which.

    Args:
        job_type: only those of this type; None means all.
        ids: only these; None means all.
        spread_s: start them at random moments within so many seconds, to spare what they call.
    """
    return await _replay(
        session,
        organization_id=organization_id,
        ids=ids,
        job_type=job_type,
        spread_s=spread_s,
        statuses=("dead_letter",),
    )


async def _replay(
    session: AsyncSession,
    *,
    organization_id: UUID,
    statuses: tuple[str, ...],
    ids: Sequence[UUID] | None = None,
    job_type: str | None = None,
    spread_s: float = 0,
) -> list[UUID]:
    values = {
        "organization_id": organization_id,
        "statuses": list(statuses),
        "ids": None if ids is None else list(ids),
        "job_type": job_type,
        "spread_s": float(spread_s),
        "limit": _MOST_REPLAYED,
    }
    try:
        async with session.begin_nested():
            again = [UUID(str(job)) for job in (await session.execute(_REPLAY, values)).scalars()]
    except IntegrityError as error:
        raise LiveJobExists("Two of these jobs have the same unique key, and only one may live.") from error
    if again:
        wake_after_commit(session, JOBS)
    return again


async def _job(session: AsyncSession, *, organization_id: UUID, job_id: UUID) -> Job:
    job = await session.get(Job, job_id, populate_existing=True)
    if job is None or job.organization_id != organization_id:
        raise JobNotFound
    return job
