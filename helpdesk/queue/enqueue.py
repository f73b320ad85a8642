"""Ask for work, in the transaction that makes it necessary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict
from helpdesk.models.values import JobPriority
from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import job_class
from helpdesk.queue.wake import wake_after_commit

_MOST_RACES = 10

# The live job with the same key wins. DO NOTHING and a look afterwards, since DO UPDATE would lock a running job's row
# for the rest of this transaction, and so hold up its completion.
_ENQUEUE = text("""
    WITH new AS (
        INSERT INTO job_queue (id, organization_id, job_type, payload, priority, run_after, max_retries, timeout_s,
                               unique_key, parent_id)
        VALUES (:id, :organization_id, :job_type, CAST(CAST(:payload AS text) AS jsonb), :priority,
                coalesce(:run_after, now()), :max_retries, :timeout_s, :unique_key, :parent_id)
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

# One statement however many: a row for each position of the arrays.
_ENQUEUE_MANY = text("""
    WITH new AS (
        INSERT INTO job_queue (id, organization_id, job_type, payload, priority, run_after, max_retries, timeout_s)
        SELECT job.id, :organization_id, job.job_type, job.payload::jsonb, job.priority, coalesce(:run_after, now()),
               job.max_retries, job.timeout_s
          FROM unnest(CAST(:ids AS uuid[]), CAST(:job_types AS text[]), CAST(:payloads AS text[]),
                      CAST(:priorities AS text[]), CAST(:max_retries AS int[]), CAST(:timeouts AS int[]))
               AS job (id, job_type, payload, priority, max_retries, timeout_s)
        RETURNING id, organization_id)
    INSERT INTO job_events (organization_id, job_id, event)
    SELECT organization_id, id, 'enqueued' FROM new
""")


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
) -> UUID:
    """Enqueue a job in the session's transaction and return its id; it exists once that commits.

    Args:
        run_after: not before this time (UTC); None means at once.
        priority: None takes the job type's own.
        unique_key: while a pending or running job of this organisation and type has the key, no other is made, and
            that one's id is returned.
        max_retries: None takes the job type's own.
        parent_id: the job that asked for this one.

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
        "parent_id": parent_id,
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
    jobs: Sequence[JobArgs],
    *,
    organization_id: UUID,
    run_after: datetime | None = None,
    priority: JobPriority | None = None,
) -> list[UUID]:
    """Enqueue jobs in one statement and return their ids in the same order; see `enqueue`.

    Raises:
        UnknownJobType: when a class is not in the catalogue; none is enqueued.
    """
    if not jobs:
        return []
    known = [job_class(args.job_type) for args in jobs]
    ids = [new_id() for _ in jobs]
    await session.execute(
        _ENQUEUE_MANY,
        {
            "ids": ids,
            "organization_id": organization_id,
            "run_after": run_after,
            "job_types": [kind.job_type for kind in known],
            "payloads": [args.model_dump_json() for args in jobs],
            "priorities": [str(priority or kind.priority) for kind in known],
            "max_retries": [kind.max_retries for kind in known],
            "timeouts": [kind.timeout_s for kind in known],
        },
    )
    wake_after_commit(session)
    return ids
