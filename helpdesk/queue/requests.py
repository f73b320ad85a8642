"""Jobs that outside code asks for: each with wishes of its own, all or none of them, and told whether it is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.values import JobPriority
from helpdesk.observability import origin
from helpdesk.queue.args import JobArgs
from helpdesk.queue.enqueue import UniqueKeyContended
from helpdesk.queue.wake import wake_after_commit

_MOST_RACES = 10

# One statement however many. A key that a live job has, or an earlier one of the same request, makes no second job.
_ENQUEUE = text("""
    WITH new AS (
        INSERT INTO job_queue (id, organization_id, job_type, payload, priority, run_after, max_retries, timeout_s,
                               unique_key, limit_key, trace_parent, request_id)
        SELECT job.id, :organization_id, job.job_type, job.payload::jsonb, job.priority,
               coalesce(job.run_after, now() + make_interval(secs => job.delay_s)), job.max_retries, job.timeout_s,
               job.unique_key, job.limit_key, job.trace_parent, :request_id
          FROM unnest(CAST(:ids AS uuid[]), CAST(:job_types AS text[]), CAST(:payloads AS text[]),
                      CAST(:priorities AS text[]), CAST(:run_afters AS timestamptz[]), CAST(:delays AS float8[]),
                      CAST(:max_retries AS int[]), CAST(:timeouts AS int[]), CAST(:unique_keys AS text[]),
                      CAST(:limit_keys AS text[]), CAST(:trace_parents AS text[]))
               AS job (id, job_type, payload, priority, run_after, delay_s, max_retries, timeout_s, unique_key,
                       limit_key, trace_parent)
        ON CONFLICT (organization_id, job_type, unique_key)
              WHERE unique_key IS NOT NULL AND status IN ('pending', 'running') DO NOTHING
        RETURNING id, organization_id)
    INSERT INTO job_events (organization_id, job_id, event)
    SELECT organization_id, id, 'enqueued' FROM new
    RETURNING job_id
""")
_LIVE = text("""
    SELECT j.job_type, j.unique_key, j.id
      FROM unnest(CAST(:job_types AS text[]), CAST(:unique_keys AS text[])) AS asked (job_type, unique_key)
      JOIN job_queue AS j ON j.organization_id = :organization_id AND j.job_type = asked.job_type
                         AND j.unique_key = asked.unique_key AND j.status IN ('pending', 'running')
""")


@dataclass(frozen=True)
class JobRequest:
    """A job that is asked for; None leaves a matter to its type.

    Attributes:
        run_after: not before this time (UTC).
        delay_s: not before so many seconds from now, where `run_after` is None.
        unique_key: while a pending or running job of this organisation and type has the key, that one stands for it.
        trace_parent: the trace it belongs to, as a W3C `traceparent`; None takes that of the work in hand.
    """

    args: JobArgs
    priority: JobPriority | None = None
    run_after: datetime | None = None
    delay_s: float = 0
    max_retries: int | None = None
    unique_key: str | None = None
    trace_parent: str | None = None


@dataclass(frozen=True)
class Accepted:
    """The job that stands for a request; `is_new` is False when it was there already."""

    id: UUID
    is_new: bool


async def accept(session: AsyncSession, requests: Sequence[JobRequest], *, organization_id: UUID) -> list[Accepted]:
    """Enqueue jobs in the session's transaction; return those that stand for the requests, in their order.

    Raises:
        UniqueKeyContended: jobs with one of the keys come and go too fast to say which one stands.
    """
    found: dict[int, Accepted] = {}
    for _ in range(_MOST_RACES):
        asked = {number: (request, new_id()) for number, request in enumerate(requests) if number not in found}
        if not asked:
            break
        values = _columns(list(asked.values()), organization_id=organization_id)
        made = {UUID(str(job)) for job in (await session.execute(_ENQUEUE, values)).scalars()}
        if made:
            wake_after_commit(session)
        found |= {number: Accepted(job, is_new=True) for number, (_, job) in asked.items() if job in made}
        # A job with the key may have ended between the two statements: then it is asked for once more.
        kept = {name: values[name] for name in ("job_types", "unique_keys")}
        rows = await session.execute(_LIVE, kept | {"organization_id": organization_id})
        live = {(row.job_type, row.unique_key): row.id for row in rows}
        for number, (request, _job) in asked.items():
            standing = live.get((request.args.job_type, request.unique_key))
            if number not in found and standing is not None:
                found[number] = Accepted(standing, is_new=False)
    if len(found) < len(requests):
        raise UniqueKeyContended
    return [found[number] for number in range(len(requests))]


def _columns(asked: Sequence[tuple[JobRequest, UUID]], *, organization_id: UUID) -> dict[str, Any]:
    """Return the columns of new jobs, each an array in the order of the requests."""
    requests = [request for request, _ in asked]
    begun = origin.current()
    return {
        "organization_id": organization_id,
        "request_id": begun.request_id,
        "ids": [job for _, job in asked],
        "job_types": [request.args.job_type for request in requests],
        "payloads": [request.args.model_dump_json() for request in requests],
        "priorities": [str(request.priority or request.args.priority) for request in requests],
        "run_afters": [request.run_after for request in requests],
        "delays": [float(request.delay_s) for request in requests],
        "max_retries": [
            request.args.max_retries if request.max_retries is None else request.max_retries for request in requests
        ],
        "timeouts": [request.args.timeout_s for request in requests],
        "unique_keys": [request.unique_key for request in requests],
        "limit_keys": [request.args.limit_key(organization_id) for request in requests],
        "trace_parents": [request.trace_parent or begun.trace_parent for request in requests],
    }
