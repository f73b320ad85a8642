"""Set many jobs right at once: try dead letters again, cancel what still waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from helpdesk.models.jobs import Job
from helpdesk.models.values import JobStatus
from helpdesk.queue.commands import REPLAY, LiveJobExists
from helpdesk.queue.filters import JobFilter, conditions
from helpdesk.queue.wake import JOBS, wake_after_commit

MOST_AT_ONCE = 1000
_LIVE = (JobStatus.PENDING, JobStatus.RUNNING)

# A job that a worker takes in this moment is not waited for: it is no longer one that waits.
_CANCEL_PENDING = text("""
    WITH waiting AS MATERIALIZED (
        SELECT id FROM job_queue
         WHERE id = ANY (CAST(:ids AS uuid[])) AND status = 'pending' FOR UPDATE SKIP LOCKED),
    gone AS (
        UPDATE job_queue
           SET status = 'cancelled', finished_at = now(), updated_at = now(),
               cancel_requested_at = coalesce(cancel_requested_at, now())
         WHERE id = ANY (ARRAY(SELECT id FROM waiting))
        RETURNING id, organization_id, attempts),
    event AS (
        INSERT INTO job_events (organization_id, job_id, event, attempt, detail)
        SELECT organization_id, id, 'cancelled', attempts, :reason FROM gone)
    SELECT id FROM gone
""")


@dataclass(frozen=True)
class Changed:
    """The jobs that were changed, and whether there are more of the kind."""

    ids: list[UUID]
    more: bool


class _Dead(NamedTuple):
    id: UUID
    organization_id: UUID
    job_type: str
    unique_key: str | None


async def replay_dead_letters(
    session: AsyncSession,
    *,
    organization_id: UUID | None,
    where: JobFilter | None = None,
    spread_s: float = 0,
    most: int = MOST_AT_ONCE,
) -> Changed:
    """Have dead letters tried again, with their full number of tries, those that died first before the others.

    A job whose unique key a live job has is left alone; of several dead ones with the same key, the first is replayed.

    Args:
        organization_id: None means everybody's, in a transaction of the worker role.
        where: which; its status is of no account.
        spread_s: start them at random moments within so many seconds, to spare what they call.

    Raises:
        LiveJobExists: a live job with the key of one of them was made in this very moment.
    """
    found = await _dead(session, where or JobFilter(), organization_id=organization_id, limit=most + 1)
    values = {
        "organization_id": organization_id,
        "statuses": [JobStatus.DEAD_LETTER],
        "ids": _first_of_each_key(found[:most]),
        "spread_s": float(spread_s),
    }
    try:
        async with session.begin_nested():
            again = [UUID(str(job)) for job in (await session.execute(REPLAY, values)).scalars()]
    except IntegrityError as error:
        raise LiveJobExists("A job with the unique key of one of these was made just now; ask again.") from error
    if again:
        wake_after_commit(session, JOBS)
    return Changed(sorted(again), len(found) > most)


async def cancel_pending(
    session: AsyncSession, *, organization_id: UUID | None, where: JobFilter, reason: str, most: int = MOST_AT_ONCE
) -> Changed:
    """Cancel jobs that wait, those made first before the others; running ones go on.

    Args:
        organization_id: None means everybody's, in a transaction of the worker role.
        where: which; its status is of no account.
    """
    asked = conditions(_whatever_status(where), organization_id=organization_id)
    query = select(Job.id).where(*asked, Job.status == JobStatus.PENDING).order_by(Job.id).limit(most + 1)
    found = (await session.scalars(query)).all()
    gone = await session.execute(_CANCEL_PENDING, {"ids": list(found[:most]), "reason": reason})
    return Changed(sorted(UUID(str(job)) for job in gone.scalars()), len(found) > most)


async def _dead(session: AsyncSession, where: JobFilter, *, organization_id: UUID | None, limit: int) -> list[_Dead]:
    live = aliased(Job)
    blocked = (
        select(live.id)
        .where(
            live.organization_id == Job.organization_id,
            live.job_type == Job.job_type,
            live.unique_key == Job.unique_key,
            live.status.in_(_LIVE),
        )
        .exists()
    )
    query = (
        select(Job.id, Job.organization_id, Job.job_type, Job.unique_key)
        .where(*conditions(_whatever_status(where), organization_id=organization_id))
        .where(Job.status == JobStatus.DEAD_LETTER, Job.unique_key.is_(None) | ~blocked)
        .order_by(Job.finished_at, Job.id)
        .limit(limit)
    )
    return [_Dead(*row) for row in await session.execute(query)]


def _first_of_each_key(dead: Sequence[_Dead]) -> list[UUID]:
    firsts: dict[object, UUID] = {}
    for job in dead:
        key = job.id if job.unique_key is None else (job.organization_id, job.job_type, job.unique_key)
        firsts.setdefault(key, job.id)
    return list(firsts.values())


def _whatever_status(where: JobFilter) -> JobFilter:
    return JobFilter(**{name: value for name, value in vars(where).items() if name != "status"})
