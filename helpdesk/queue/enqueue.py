"""Ask for work, in the transaction that makes it necessary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict
from helpdesk.models.values import JobPriority
from helpdesk.observability import origin
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import job_class
from helpdesk.queue.wake import wake_after_commit

_MOST_RACES = 10

# The live job with the same key wins. DO NOTHING and a look afterwards, since DO UPDATE would lock a running job's row
# for the rest of this transaction, and so hold up its completion.
_ENQUEUE = text("""
    WITH new AS (
        INSERT INTO job_queue (id, organization_id, job_type, payload, priority, run_after, max_retries, timeout_s,
                               unique_key, limit_key, parent_id, trace_parent, request_id)
        VALUES (:id, :organization_id, :job_type, CAST(CAST(:payload AS text) AS jsonb), :priority,
                coalesce(:run_after, now()), :max_retries, :timeout_s, :unique_key, :limit_key, :parent_id,
                :trace_parent, :request_id)
        ON CONFLICT (organization_id, job_type, unique_key)
              WHERE unique_key IS NOT NULL AND status IN ('pending', 'running') DO NOTHING
        RETURNING id, organization_id)
    INSERT INTO job_events (organization_id, job_id, event)
    SELECT organization_id, id, 'enqueued' FROM new
    RETURNING job_id
""")
_LIVE = text("""
    SELECT id FROM job_queue
     WHERE organization_id = :organization_id AND job_type = :job_type AND unique_key = :unique_key
       AND status IN ('pending', 'running')
""")

# One statement however many: a row for each position of the arrays. Those whose key a live job has are left out.
_ENQUEUE_MANY = text("""
    WITH new AS (
        INSERT INTO job_queue (id, organization_id, job_type, payload, priority, run_after, max_retries, timeout_s,
                               unique_key, limit_key, parent_id, trace_parent, request_id)
        SELECT job.id, :organization_id, job.job_type, job.payload::jsonb, job.priority, coalesce(job.run_after, now()),
               job.max_retries, job.timeout_s, job.unique_key, job.limit_key, :parent_id, :trace_parent, :request_id
          FROM unnest(CAST(:ids AS uuid[]), CAST(:job_types AS text[]), CAST(:payloads AS text[]),
                      CAST(:priorities AS text[]), CAST(:max_retries AS int[]), CAST(:timeouts AS int[]),
                      CAST(:run_afters AS timestamptz[]), CAST(:unique_keys AS text[]), CAST(:limit_keys AS text[]))
               AS job (id, job_type, payload, priority, max_retries, timeout_s, run_after, unique_key, limit_key)
        ON CONFLICT (organization_id, job_type, unique_key)
              WHERE unique_key IS NOT NULL AND status IN ('pending', 'running') DO NOTHING
        RETURNING id, organization_id),
    event AS (
        INSERT INTO job_events (organization_id, job_id, event)
        SELECT organization_id, id, 'enqueued' FROM new)
    SELECT id FROM new
""")
_LIVE_MANY = text("""
    SELECT job.place, live.id
      FROM unnest(CAST(:job_types AS text[]), CAST(:unique_keys AS text[])) WITH ORDINALITY
           AS job (job_type, unique_key, place)
     CROSS JOIN LATERAL (
           SELECT id FROM job_queue
            WHERE organization_id = :organization_id AND job_type = job.job_type AND unique_key = job.unique_key
              AND status IN ('pending', 'running')) AS live
""")


@dataclass(frozen=True)
class KeyedJob:
    """A job that is wanted once, however often it is asked for before it has run.

    Attributes:
        unique_key: None lets it be made in any case.
        run_after: not before this time (UTC); None means at once.
    """

    args: JobArgs
    unique_key: str | None
    run_after: datetime | None = None


class UniqueKeyContended(Conflict):
    """Jobs with this unique key come and go too fast to say which one stands."""


async def enqueue(
    session: AsyncSession,
    args: JobArgs,
    *,
    organization_id: UUID,
    run_after: datetime | None = None,
    priority: JobPriority | None = None,
    unique_key: str | None = None,
    max_retries: int | None = None,
    parent_id: UUID | None = None,
    trace_parent: str | None = None,
) -> UUID:
    """Enqueue a job in the session's transaction and return its id; it exists once that commits.

    Args:
        run_after: not before this time (UTC); None means at once.
        priority: None takes the job type's own.
        unique_key: while a pending or running job of this organisation and type has the key, no other is made, and
            that one's id is returned.
        max_retries: None takes the job type's own.
        parent_id: the job that asked for this one.
        trace_parent: the trace it belongs to, as a W3C `traceparent`; None takes that of the work in hand, whose
            request it keeps in any case.

    Raises:
        UnknownJobType: when the class is not in the catalogue.
    """
    known = job_class(args.job_type)
    values = {
        "id": new_id(),
        "organization_id": organization_id,
        "job_type": known.job_type,
        "payload": args.model_dump_json(),
        "priority": priority or known.priority,
        "run_after": run_after,
        "max_retries": known.max_retries if max_retries is None else max_retries,
        "timeout_s": known.timeout_s,
        "unique_key": unique_key,
        "limit_key": known.limit_key(organization_id),
        **_whence(parent_id, trace_parent),
    }
    for _ in range(_MOST_RACES):
        found = (await session.execute(_ENQUEUE, values)).scalar_one_or_none()
        if found is not None:
            wake_after_commit(session)
            return UUID(str(found))
        live = (await session.execute(_LIVE, {key: values[key] for key in _KEY})).scalar_one_or_none()
        # None: the job with the key has ended between the two statements.
        if live is not None:
            return UUID(str(live))
    raise UniqueKeyContended(unique_key=unique_key)


_KEY = ("organization_id", "job_type", "unique_key")


async def enqueue_many(
    session: AsyncSession,
    jobs: Sequence[JobArgs | KeyedJob],
    *,
    organization_id: UUID,
    run_after: datetime | None = None,
    priority: JobPriority | None = None,
    max_retries: int | None = None,
    parent_id: UUID | None = None,
    trace_parent: str | None = None,
) -> list[UUID]:
    """Enqueue jobs in one statement and return their ids in the same order; see `enqueue`.

    Of a keyed job that a live one stands for, that one's id is returned, also where both are among these.

    Args:
        run_after: where a keyed job does not say otherwise.

    Raises:
        UnknownJobType: when a class is not in the catalogue; none is enqueued.
        UniqueKeyContended: see `enqueue`.
    """
    if not jobs:
        return []
    columns = _columns(jobs, organization_id, run_after=run_after, priority=priority, max_retries=max_retries)
    common = {"organization_id": organization_id, **_whence(parent_id, trace_parent)}
    return await _enqueue_all(session, columns, common)


async def enqueue_unless_waiting(session: AsyncSession, jobs: Sequence[KeyedJob], *, organization_id: UUID) -> None:
    """Enqueue in one statement those jobs whose key no pending or running job of their type has.

    Raises:
        UnknownJobType: when a class is not in the catalogue; none is enqueued.
    """
    columns = _columns(jobs, organization_id)
    common = {"organization_id": organization_id, **_whence(None, None)}
    if jobs and (await session.execute(_ENQUEUE_MANY, columns | common)).first() is not None:
        wake_after_commit(session)


def _whence(parent_id: UUID | None, trace_parent: str | None) -> dict[str, Any]:
    """Return the columns that say what asked for a job."""
    begun = origin.current()
    return {
        "parent_id": parent_id,
        "trace_parent": trace_parent or begun.trace_parent,
        "request_id": begun.request_id,
    }


async def _enqueue_all(session: AsyncSession, columns: dict[str, list[Any]], common: dict[str, Any]) -> list[UUID]:
    ids: list[UUID] = columns["ids"]
    left = list(range(len(ids)))
    for _ in range(_MOST_RACES):
        asked = {name: [values[place] for place in left] for name, values in columns.items()}
        made = set((await session.execute(_ENQUEUE_MANY, asked | common)).scalars())
        if made:
            wake_after_commit(session)
        left = [place for place in left if ids[place] not in made]
        # Those that are not found: the job with the key has ended between the two statements.
        live = await _live(session, columns, left, common["organization_id"])
        for place, job in live.items():
            ids[place] = job
        left = [place for place in left if place not in live]
        if not left:
            return ids
    raise UniqueKeyContended(unique_key=columns["unique_keys"][left[0]])


async def _live(
    session: AsyncSession, columns: dict[str, list[Any]], places: list[int], organization_id: UUID
) -> dict[int, UUID]:
    """Return the live jobs that have the keys at some places of the columns, by place."""
    if not places:
        return {}
    keys = {name: [columns[name][place] for place in places] for name in ("job_types", "unique_keys")}
    found = await session.execute(_LIVE_MANY, keys | {"organization_id": organization_id})
    return {places[row.place - 1]: UUID(str(row.id)) for row in found}


def _columns(
    jobs: Sequence[JobArgs | KeyedJob],
    organization_id: UUID,
    *,
    run_after: datetime | None = None,
    priority: JobPriority | None = None,
    max_retries: int | None = None,
) -> dict[str, list[Any]]:
    """Return the columns of new jobs, each an array in the order of the jobs."""
    keyed = [job if isinstance(job, KeyedJob) else KeyedJob(job, None) for job in jobs]
    known = [job_class(job.args.job_type) for job in keyed]
    return {
        "ids": [new_id() for _ in keyed],
        "job_types": [kind.job_type for kind in known],
        "payloads": [job.args.model_dump_json() for job in keyed],
        "priorities": [str(priority or kind.priority) for kind in known],
        "max_retries": [kind.max_retries if max_retries is None else max_retries for kind in known],
        "timeouts": [kind.timeout_s for kind in known],
        "run_afters": [job.run_after or run_after for job in keyed],
        "unique_keys": [job.unique_key for job in keyed],
        "limit_keys": [kind.limit_key(organization_id) for kind in known],
    }
