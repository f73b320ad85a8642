"""What people do to jobs: stop them, and have them tried again."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, NotFound
from helpdesk.models.jobs import Job
from helpdesk.models.values import JobStatus
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
REPLAY = text("""
    WITH dead AS MATERIALIZED (
        SELECT id FROM job_queue AS j
         WHERE id = ANY (CAST(:ids AS uuid[])) AND status = ANY (CAST(:statuses AS text[]))
           AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
           AND (unique_key IS NULL OR NOT EXISTS (
                SELECT 1 FROM job_queue AS live
                 WHERE live.organization_id = j.organization_id AND live.job_type = j.job_type
                   AND live.unique_key = j.unique_key AND live.status IN ('pending', 'running')))
           FOR UPDATE SKIP LOCKED),
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

# Workers look at both tables in each claim, so that a change holds from the next one on.
_PAUSE = text("""
    INSERT INTO job_pauses (kind, name, paused_by, reason) VALUES (:kind, :name, :by, :reason)
        ON CONFLICT (kind, name) DO UPDATE SET paused_by = excluded.paused_by, reason = excluded.reason
""")
_RESUME = text("DELETE FROM job_pauses WHERE kind = :kind AND name = :name RETURNING name")
_SET_LIMIT = text("""
    INSERT INTO job_limits (limit_key, slots, updated_by) VALUES (:limit_key, :slots, :by)
        ON CONFLICT (limit_key) DO UPDATE
           SET slots = excluded.slots, updated_at = now(), updated_by = excluded.updated_by
""")
_CLEAR_LIMIT = text("DELETE FROM job_limits WHERE limit_key = :limit_key RETURNING limit_key")


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
    values = {
        "organization_id": organization_id,
        "statuses": [JobStatus.DEAD_LETTER, JobStatus.CANCELLED],
        "ids": [job_id],
        "spread_s": 0.0,
    }
    try:
        async with session.begin_nested():
            replayed = (await session.execute(REPLAY, values)).first() is not None
    except IntegrityError as error:
        raise LiveJobExists from error
    if replayed:
        wake_after_commit(session, JOBS)
        return
    job = await _job(session, organization_id=organization_id, job_id=job_id)
    if job.status in ("dead_letter", "cancelled"):
        raise LiveJobExists(unique_key=job.unique_key)
    raise JobNotReplayable(f"The job is {job.status}.", status=job.status)


async def pause(
    session: AsyncSession, *, kind: Literal["type", "queue"], name: str, by: str, reason: str | None
) -> None:
    """Let no worker take jobs of a type or queue, of any organisation; running ones go on.

    Pausing it again changes who paused it and why, not since when.
    """
    await session.execute(_PAUSE, {"kind": kind, "name": name, "by": by, "reason": reason})


async def resume(session: AsyncSession, *, kind: Literal["type", "queue"], name: str) -> bool:
    """Let workers take jobs of a type or queue again; return False when it was not paused."""
    resumed = (await session.execute(_RESUME, {"kind": kind, "name": name})).first() is not None
    if resumed:
        wake_after_commit(session, JOBS)
    return resumed


async def set_limit(session: AsyncSession, *, limit_key: str, slots: int, by: str) -> None:
    """Let so many jobs with a limit key run at a time, over all workers; running ones go on when it is lowered.

    Args:
        limit_key: one key, or `type:*` or `tenant:*` for all of that kind that have no limit of their own.
        slots: 0 to 10,000.
    """
    await session.execute(_SET_LIMIT, {"limit_key": limit_key, "slots": slots, "by": by})
    wake_after_commit(session, JOBS)


async def clear_limit(session: AsyncSession, *, limit_key: str) -> bool:
    """Let the limit of the job types apply again; return False when no other was set."""
    cleared = (await session.execute(_CLEAR_LIMIT, {"limit_key": limit_key})).first() is not None
    if cleared:
        wake_after_commit(session, JOBS)
    return cleared


async def _job(session: AsyncSession, *, organization_id: UUID, job_id: UUID) -> Job:
    job = await session.get(Job, job_id, populate_existing=True)
    if job is None or job.organization_id != organization_id:
        raise JobNotFound
    return job
