"""Jobs that crashed all but as often as is allowed: each runs alone in its process, with its last try.

When a process dies, whatever it ran is counted a crash, the culprit and its neighbours alike. A job that has crashed
twice is therefore kept from the ordinary claim (it is not `claimable`) and taken by itself: if the process dies once
more, it was this job; if not, it was a neighbour's fault, and this one gets done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from helpdesk.queue.claim import JobInHand, in_hand, served
from helpdesk.queue.limits import default_slots
from helpdesk.queue.link import Runs, Transacts

# $1 types, $2 their queues. Two crashes are one less than RESCUE allows; the same number is in `claimable`.
_DUE = """
SELECT id, job_type, limit_key FROM job_queue
 WHERE status = 'pending' AND crash_count >= 2 AND run_after <= now()
   AND job_type IN (SELECT asked.job_type FROM unnest($1::text[], $2::text[]) AS asked (job_type, queue)
                     WHERE NOT EXISTS (SELECT 1 FROM job_pauses
                                        WHERE (kind = 'type' AND name = asked.job_type)
                                           OR (kind = 'queue' AND name = asked.queue)))
   AND NOT id = ANY ($3::uuid[])
 ORDER BY run_after, id LIMIT 1
"""

# As in `helpdesk.queue.limits`: its own statement, and first, since the count of the slots in use must not be older.
_LOCK_KEY = "SELECT pg_try_advisory_xact_lock(hashtextextended('atum limit ' || $1, 0)) AS locked"

# $1 the job, $2 the worker, $3 how many with its limit key may run unless `job_limits` says otherwise. Where there is a
# key and no slot of it is free, nothing is taken.
_TAKE = """
WITH pick AS MATERIALIZED (
    SELECT job.id,
           (SELECT min(slot) FROM generate_series(1, coalesce(
                (SELECT slots FROM job_limits WHERE limit_key = job.limit_key),
                (SELECT slots FROM job_limits WHERE limit_key = split_part(job.limit_key, ':', 1) || ':*'),
                $3)) AS slot
             WHERE slot NOT IN (SELECT limit_slot FROM job_queue AS other
                                 WHERE other.status = 'running' AND other.limit_key = job.limit_key)) AS slot
      FROM job_queue AS job WHERE job.id = $1 AND job.status = 'pending' FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE job_queue AS j
       SET status = 'running', locked_by = $2, locked_at = now(), started_at = now(), updated_at = now(),
           attempts = j.attempts + 1, lease = j.lease + 1,
           limit_slot = CASE WHEN j.limit_key IS NOT NULL THEN (SELECT slot FROM pick) END
     WHERE j.id = ANY (ARRAY(SELECT id FROM pick WHERE j.limit_key IS NULL OR slot IS NOT NULL))
    RETURNING j.*),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker)
    SELECT organization_id, id, 'started', attempts, $2 FROM taken)
SELECT * FROM taken
"""


@dataclass(frozen=True)
class Waiting:
    """A job that waits for its last try."""

    id: UUID
    job_type: str
    limit_key: str | None


async def waiting(
    connection: Runs, *, room: Mapping[str, int] | None = None, but: frozenset[UUID] = frozenset()
) -> Waiting | None:
    """Return the job that has waited longest for its last try, None when none is due.

    Args:
        room: look at these job types only; None looks at every known one.
        but: jobs to pass over.
    """
    types, queues, _ = served(room, limit=1)
    rows = await connection.fetch(_DUE, types, queues, list(but))
    return Waiting(**dict(rows[0])) if rows else None


async def take(connection: Transacts, job: Waiting, *, worker_id: UUID) -> JobInHand | None:
    """Take a job for its last try, in a process that does nothing else.

    Returns:
        None when another worker was faster, or when no slot of its limit is free.
    """
    slots = 0 if job.limit_key is None else default_slots(job.limit_key)
    try:
        async with connection.transaction() as transaction:
            if job.limit_key is not None and not (await transaction.fetch(_LOCK_KEY, job.limit_key))[0]["locked"]:
                return None
            rows = await transaction.fetch(_TAKE, job.id, worker_id, slots)
    except asyncpg.UniqueViolationError:
        return None
    return in_hand(rows[0], worker_id) if rows else None
