"""Take due jobs, and keep them while they run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim_sql import BY_DEADLINE, BY_TENANT, NEXT_DUE, OTHERS_WAIT
from helpdesk.queue.link import Runs

# A row that the worker's own open transaction has locked (it is completing) is passed over, not waited for, and still
# counts as kept: the last SELECT reads what was true when the statement began.
HEARTBEAT = """
WITH mine AS MATERIALIZED (
    SELECT id FROM job_queue
     WHERE id = ANY ($1::uuid[]) AND lease = ($2::jsonb ->> id::text)::bigint AND locked_by = $3
       FOR UPDATE SKIP LOCKED),
beat AS (UPDATE job_queue SET locked_at = now() WHERE id = ANY (ARRAY(SELECT id FROM mine)))
SELECT id, cancel_requested_at IS NOT NULL AS cancel FROM job_queue
 WHERE id = ANY ($1::uuid[]) AND lease = ($2::jsonb ->> id::text)::bigint AND locked_by = $3
"""

# Seconds of head start of the lanes, high, normal and low; as in the statements.
_BEHIND_S = (0.0, 60.0, 300.0)
# Tenants looked at for one claim, beyond four for each job: many may have nothing that is due.
_TENANTS_AT_LEAST = 20


@dataclass(frozen=True, slots=True)
class JobInHand:
    """A claimed job: what it takes, and the lease that fences every write about it.

    Attributes:
        payload: JSON text, as stored.
        attempt: how often it has been claimed and not handed back.
        lease: fencing token, together with `locked_by`, the worker's id.
        retry_count: handled failures so far; beyond `max_retries` it becomes a dead letter.
        timeout_s: seconds its handler gets.
        trace_parent: the trace it belongs to, as a W3C `traceparent`.
        request_id: the HTTP request that it goes back to; None where none does.
        limit_key: what it is counted under while it runs; None where nothing limits it.
    """

    id: UUID
    organization_id: UUID
    job_type: str
    payload: str
    lease: int
    attempt: int
    retry_count: int
    max_retries: int
    timeout_s: int | None
    run_after: datetime
    created_at: datetime
    trace_parent: str | None
    locked_by: UUID
    limit_key: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class TenantClaim:
    """Jobs taken tenant by tenant, and the tenant after whom the next such claim goes on."""

    jobs: list[JobInHand]
    after: UUID


async def claim(
    connection: Runs, *, worker_id: UUID, limit: int, room: Mapping[str, int] | None = None
) -> list[JobInHand]:
    """Take up to `limit` due jobs by virtual deadline over all tenants; each job goes to one worker only.

    Jobs with a limit key are left to `helpdesk.queue.limits`, jobs of a paused type or queue to later.

    Args:
        room: how many of each job type to take at most, types that are not named none; None takes any known type.
    """
    rows = await connection.fetch(BY_DEADLINE, limit, worker_id, *served(room, limit=limit))
    return [in_hand(row, worker_id) for row in by_deadline(rows)]


async def claim_by_tenant(
    connection: Runs, *, worker_id: UUID, limit: int, after: UUID, room: Mapping[str, int] | None = None
) -> TenantClaim:
    """Take up to `limit` due jobs, one of each tenant in turn and then the next of each; see `claim`.

    A worker with a backlog takes turns between this and `claim`: here a tenant's few jobs do not wait for the many of
    another, there the oldest deadlines are honoured whosever they are. Fewer jobs than asked for do not mean that no
    more are due.

    Args:
        after: the tenant whose turn was last, by id; any value to begin with.
    """
    steps = _TENANTS_AT_LEAST + 4 * limit
    rows = await connection.fetch(BY_TENANT, limit, worker_id, *served(room, limit=limit), after, steps)
    jobs = [in_hand(row, worker_id) for row in in_turn([row for row in rows if row["id"] is not None])]
    return TenantClaim(jobs, rows[0]["after"])


async def others_wait(connection: Runs, *, organization_id: UUID) -> bool:
    """Return whether another organisation than this one has jobs waiting, due or not."""
    return bool((await connection.fetch(OTHERS_WAIT, organization_id))[0]["others"])


async def seconds_until_due(connection: Runs, *, room: Mapping[str, int] | None = None) -> float | None:
    """Return the seconds until the next delayed job is due, or None when none waits.

    Jobs that are due already do not count: there is nothing to wait for.

    Args:
        room: look at these job types only, as in `claim`.
    """
    types, queues, _ = served(room, limit=1)
    rows = await connection.fetch(NEXT_DUE, types, queues)
    wait: float | None = rows[0]["wait"]
    return wait


def served(room: Mapping[str, int] | None, *, limit: int) -> tuple[list[str], list[str | None], list[int]]:
    """Return (types, their queues, room for each), as the statements take them."""
    if room is None:
        room = dict.fromkeys(JOB_TYPES, limit)
    free = {job_type: most for job_type, most in room.items() if most > 0}
    queues = [JOB_TYPES[job_type].queue if job_type in JOB_TYPES else None for job_type in free]
    return list(free), queues, list(free.values())


def fence(leases: Iterable[tuple[UUID, int]]) -> tuple[list[UUID], str]:
    """Return (ids, {id: lease} as JSON) for a fenced statement; sorted, so that two batches cannot deadlock."""
    pairs = sorted(leases)
    return [row for row, _ in pairs], json.dumps({str(row): lease for row, lease in pairs})


async def renew(connection: Runs, *, worker_id: UUID, leases: Mapping[UUID, int]) -> dict[UUID, bool]:
    """Renew leases; return the rows that are still the worker's, with whether somebody wants each stopped."""
    rows = await connection.fetch(HEARTBEAT, *fence(leases.items()), worker_id)
    return {row["id"]: bool(row["cancel"]) for row in rows}


def in_hand(row: asyncpg.Record, worker_id: UUID) -> JobInHand:
    """Return the job of a row that a claim has taken."""
    return JobInHand(
        id=row["id"],
        organization_id=row["organization_id"],
        job_type=row["job_type"],
        payload=row["payload"],
        lease=row["lease"],
        attempt=row["attempts"],
        retry_count=row["retry_count"],
        max_retries=row["max_retries"],
        timeout_s=row["timeout_s"],
        run_after=row["run_after"],
        created_at=row["created_at"],
        trace_parent=row["trace_parent"],
        locked_by=worker_id,
        limit_key=row["limit_key"],
        request_id=row["request_id"],
    )


def by_deadline(rows: Iterable[asyncpg.Record]) -> list[asyncpg.Record]:
    """Return taken rows in the order in which they are to begin; the statement returns them in any."""
    return sorted(rows, key=_deadline)


def in_turn(rows: Iterable[asyncpg.Record]) -> list[asyncpg.Record]:
    """Return taken rows with each tenant's first before any tenant's second."""
    turns: Counter[UUID] = Counter()
    placed = []
    for row in by_deadline(rows):
        turns[row["organization_id"]] += 1
        placed.append((turns[row["organization_id"]], row))
    return [row for _, row in sorted(placed, key=lambda turn_and_row: turn_and_row[0])]


def _deadline(row: asyncpg.Record) -> tuple[float, UUID]:
    return row["run_after"].timestamp() + _BEHIND_S[row["lane"]], row["id"]
