"""Take back the jobs of workers that died, hang or lost the database."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from helpdesk.queue.link import Runs

CRASHES_ALLOWED = 3

# ONE statement, and only rows that are still locked by the worker that lost them: a completion is never overwritten,
# since the update looks at the lease the search saw. A worker that still beats but does not end its handler in time is
# caught by `started_at`. Crashes are counted apart from handled failures; a job that kills its worker stops here.
RESCUE = """
WITH lost AS MATERIALIZED (
    SELECT id, locked_by AS worker,
           CASE WHEN locked_at < now() - make_interval(secs => $1::float8)
                THEN 'lease lost: the worker died or lost the database'
                ELSE 'stuck: the handler did not end after its timeout' END AS reason
      FROM job_queue
     WHERE status = 'running'
       AND (locked_at < now() - make_interval(secs => $1::float8)
            OR started_at < now() - make_interval(secs => timeout_s + $2::float8))
     ORDER BY locked_at LIMIT 500 FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE job_queue AS j
       SET crash_count = j.crash_count + 1, lease = j.lease + 1, updated_at = now(),
           locked_by = NULL, locked_at = NULL, limit_slot = NULL,
           last_error = (SELECT reason FROM lost WHERE lost.id = j.id),
           status = CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                         WHEN j.crash_count + 1 >= $3 THEN 'dead_letter' ELSE 'pending' END,
           finished_at = CASE WHEN j.cancel_requested_at IS NOT NULL OR j.crash_count + 1 >= $3 THEN now() END,
           run_after = now() + make_interval(secs => $4::float8 * 4 ^ j.crash_count * (0.5 + random()))
     WHERE j.id = ANY (ARRAY(SELECT id FROM lost))
    RETURNING j.id, j.organization_id, j.job_type, j.attempts, j.status, j.last_error, j.crash_count, j.request_id,
              (SELECT worker FROM lost WHERE lost.id = j.id) AS worker),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker, detail)
    SELECT organization_id, id,
           CASE status WHEN 'pending' THEN 'rescued' WHEN 'cancelled' THEN 'cancelled' ELSE 'dead_lettered' END,
           attempts, worker, last_error FROM taken)
SELECT id, organization_id, job_type, status, last_error, crash_count, request_id, worker FROM taken
"""


@dataclass(frozen=True)
class Rescued:
    """A job taken from a worker that no longer tends to it.

    Attributes:
        request_id: the HTTP request that the job goes back to; None where none does.
        worker: the one that had it.
    """

    id: UUID
    organization_id: UUID
    job_type: str
    status: str
    last_error: str
    crash_count: int
    request_id: str | None
    worker: UUID


async def rescue(
    connection: Runs, *, lease_timeout_s: float, stuck_grace_s: float = 120, first_wait_s: float = 5
) -> list[Rescued]:
    """Take back up to 500 jobs; any worker may do it at any time.

    Args:
        lease_timeout_s: seconds without a heartbeat after which a lease is over.
        stuck_grace_s: seconds beyond a job's own timeout after which it counts as stuck although its worker beats.
        first_wait_s: wait before the first new try, times four for each further crash, with jitter.
    """
    rows = await connection.fetch(RESCUE, lease_timeout_s, stuck_grace_s, CRASHES_ALLOWED, first_wait_s)
    return [Rescued(**dict(row)) for row in rows]
