"""Say how a job ended; every statement is fenced by the lease and writes the job's history with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import HelpdeskError
from helpdesk.queue.claim import JobInHand, fence
from helpdesk.queue.link import Runs
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.redaction import redacted

_LONGEST_ERROR = 4096
# No more than this is looked through for secrets; the cut to what is kept comes after, so that it hides no beginning.
_LONGEST_LOOKED_AT = 4 * _LONGEST_ERROR
LARGEST_RESULT = 64 * 1024

# Three rules hold for each statement. It finds its rows by primary key and fences them by lease and worker; it does not
# name the status it leaves, since only a running job is locked by a worker, so that no status index tempts the planner;
# and it lets go of everything a running job holds.
_COMPLETE = """
WITH done AS (
    UPDATE job_queue AS j
       SET status = 'completed', finished_at = now(), result = $4::jsonb -> j.id::text,
           updated_at = now(), locked_by = NULL, locked_at = NULL, limit_slot = NULL
     WHERE j.id = ANY ($1::uuid[]) AND j.lease = ($2::jsonb ->> j.id::text)::bigint AND j.locked_by = $3
    RETURNING j.id, j.organization_id, j.attempts),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker)
    SELECT organization_id, id, 'completed', attempts, $3 FROM done)
SELECT id FROM done
"""

# $4 error, $5 seconds until the next try, $6 whether to try again at all
_FAIL = """
WITH failed AS (
    UPDATE job_queue AS j
       SET retry_count = j.retry_count + 1, last_error = $4,
           status = CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled'
                         WHEN $6 OR j.retry_count + 1 > j.max_retries THEN 'dead_letter' ELSE 'pending' END,
           finished_at = CASE WHEN j.cancel_requested_at IS NOT NULL OR $6 OR j.retry_count + 1 > j.max_retries
                              THEN now() END,
           run_after = now() + make_interval(secs => $5::float8),
           updated_at = now(), locked_by = NULL, locked_at = NULL, limit_slot = NULL
     WHERE j.id = ANY ($1::uuid[]) AND j.lease = ($2::jsonb ->> j.id::text)::bigint AND j.locked_by = $3
    RETURNING j.id, j.organization_id, j.attempts, j.status, j.run_after),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker, detail)
    SELECT organization_id, id,
           CASE status WHEN 'pending' THEN 'retried' WHEN 'cancelled' THEN 'cancelled' ELSE 'dead_lettered' END,
           attempts, $3, $4 FROM failed)
SELECT id, status, run_after FROM failed
"""

# $4 seconds, $5 event, $6 reason; the claim that led nowhere is taken back, so that it uses up no attempt
_HAND_BACK = """
WITH back AS (
    UPDATE job_queue AS j
       SET status = CASE WHEN j.cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE 'pending' END,
           finished_at = CASE WHEN j.cancel_requested_at IS NOT NULL THEN now() END,
           attempts = j.attempts - 1, started_at = NULL,
           run_after = CASE WHEN $4::float8 > 0 THEN now() + make_interval(secs => $4::float8)
                            ELSE j.run_after END,
           updated_at = now(), locked_by = NULL, locked_at = NULL, limit_slot = NULL
     WHERE j.id = ANY ($1::uuid[]) AND j.lease = ($2::jsonb ->> j.id::text)::bigint AND j.locked_by = $3
    RETURNING j.id, j.organization_id, j.attempts, j.status),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker, detail)
    SELECT organization_id, id, CASE status WHEN 'pending' THEN $5 ELSE 'cancelled' END, attempts, $3, $6 FROM back)
SELECT id FROM back
"""

_CANCEL = """
WITH gone AS (
    UPDATE job_queue AS j
       SET status = 'cancelled', finished_at = now(), last_error = $4,
           updated_at = now(), locked_by = NULL, locked_at = NULL, limit_slot = NULL
     WHERE j.id = ANY ($1::uuid[]) AND j.lease = ($2::jsonb ->> j.id::text)::bigint AND j.locked_by = $3
    RETURNING j.id, j.organization_id, j.attempts),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker, detail)
    SELECT organization_id, id, 'cancelled', attempts, $3, $4 FROM gone)
SELECT id FROM gone
"""

_PROGRESS = """
UPDATE job_queue AS j SET progress = $4::jsonb, updated_at = now()
 WHERE j.id = ANY ($1::uuid[]) AND j.lease = ($2::jsonb ->> j.id::text)::bigint AND j.locked_by = $3
RETURNING j.id
"""

# Running jobs of a worker that it does not know of.
_RELEASE_ORPHANS = """
WITH back AS (
    UPDATE job_queue AS j
       SET status = 'pending', attempts = j.attempts - 1, started_at = NULL, updated_at = now(), locked_by = NULL,
           locked_at = NULL, limit_slot = NULL
     WHERE j.status = 'running' AND j.locked_by = $1 AND NOT j.id = ANY ($2::uuid[])
    RETURNING j.id, j.organization_id, j.attempts),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker, detail)
    SELECT organization_id, id, 'released', attempts, $1, 'the answer to the claim was lost' FROM back)
SELECT id FROM back
"""

# The same as _COMPLETE for one row, in the handler's own transaction.
_COMPLETE_IN = text("""
    WITH done AS (
        UPDATE job_queue AS j
           SET status = 'completed', finished_at = now(), result = CAST(:result AS jsonb),
               updated_at = now(), locked_by = NULL, locked_at = NULL, limit_slot = NULL
         WHERE j.id = :id AND j.lease = :lease AND j.locked_by = :worker
        RETURNING j.id, j.organization_id, j.attempts),
    event AS (
        INSERT INTO job_events (organization_id, job_id, event, attempt, worker)
        SELECT organization_id, id, 'completed', attempts, :worker FROM done)
    SELECT id FROM done
""")


class ResultTooLarge(HelpdeskError):
    """The result is more than a job keeps."""


@dataclass(frozen=True)
class Failed:
    """What became of a job whose handler failed: its new status, and when it is tried again if it is pending."""

    status: str
    run_after: datetime


async def complete(
    connection: Runs, *, worker_id: UUID, jobs: Sequence[JobInHand], results: Mapping[UUID, Any] | None = None
) -> set[UUID]:
    """Complete a batch; return the jobs that were still the worker's, the others' leases are lost.

    Args:
        results: JSON values to keep, by job.
    """
    kept = json_text({str(job): result for job, result in (results or {}).items()})
    rows = await connection.fetch(_COMPLETE, *_fence(jobs), worker_id, kept)
    return {row["id"] for row in rows}


async def complete_in(session: AsyncSession, job: JobInHand, *, result: dict[str, Any] | None = None) -> None:
    """Complete a job in the handler's own transaction, so that its effects happen exactly once.

    Raises:
        LeaseLost: when the job is no longer this worker's; the transaction must not be committed.
        ResultTooLarge
    """
    values = {"id": job.id, "lease": job.lease, "worker": job.locked_by, "result": result_text(result)}
    if (await session.execute(_COMPLETE_IN, values)).first() is None:
        raise LeaseLost(job_id=str(job.id))


async def fail(connection: Runs, *, job: JobInHand, error: str, delay_s: float, fatal: bool = False) -> Failed | None:
    """Count a handled failure: try again after `delay_s`, or set the job aside as a dead letter.

    Returns:
        What became of it, or None when the lease was lost.
    """
    rows = await connection.fetch(_FAIL, *_fence([job]), job.locked_by, clip(error), delay_s, fatal)
    return Failed(status=rows[0]["status"], run_after=rows[0]["run_after"]) if rows else None


async def hand_back(
    connection: Runs,
    *,
    worker_id: UUID,
    jobs: Sequence[JobInHand],
    event: str = "released",
    after_s: float = 0,
    reason: str | None = None,
) -> set[UUID]:
    """Make jobs pending again without counting a try, at once or after some seconds; return those still held.

    Args:
        event: `released` (not started, or the worker stops) or `snoozed` (the handler asked for later).
    """
    rows = await connection.fetch(_HAND_BACK, *_fence(jobs), worker_id, float(after_s), event, clip(reason))
    return {row["id"] for row in rows}


async def release_orphans(connection: Runs, *, worker_id: UUID, held: Collection[UUID]) -> int:
    """Hand back the jobs a worker has claimed but does not hold; return how many. Not while a claim is under way."""
    return len(await connection.fetch(_RELEASE_ORPHANS, worker_id, list(held)))


async def cancel(connection: Runs, *, job: JobInHand, reason: str) -> bool:
    """End a job that is no longer wanted; return False when the lease was lost."""
    return bool(await connection.fetch(_CANCEL, *_fence([job]), job.locked_by, clip(reason)))


async def report_progress(connection: Runs, *, job: JobInHand, progress: Mapping[str, Any]) -> bool:
    """Store how far a running job is; return False when the lease was lost."""
    return bool(await connection.fetch(_PROGRESS, *_fence([job]), job.locked_by, json_text(progress)))


def clip(reason: str | None) -> str | None:
    """Return text that may be kept and that a column can hold: redacted, without NUL, at most 4 kB."""
    if reason is None:
        return None
    safe = redacted(reason[:_LONGEST_LOOKED_AT]).replace("\x00", "")
    return safe.encode("utf-8", "replace")[:_LONGEST_ERROR].decode("utf-8", "ignore")


def result_text(result: Mapping[str, Any] | None) -> str | None:
    """Return a job's result as JSON.

    Raises:
        ResultTooLarge: above 64 kB; what is larger belongs in a file.
        TypeError, ValueError: for what has no JSON form.
    """
    if result is None:
        return None
    text = json_text(result)
    if (size := len(text.encode())) > LARGEST_RESULT:
        raise ResultTooLarge(f"The result has {size} bytes, and a job keeps at most {LARGEST_RESULT}.")
    return text


def json_text(value: Any) -> str:
    """Return JSON that PostgreSQL takes; raise TypeError or ValueError for what has no JSON form."""
    return json.dumps(value, allow_nan=False).replace("\\u0000", "")


def _fence(jobs: Sequence[JobInHand]) -> tuple[list[UUID], str]:
    return fence((job.id, job.lease) for job in jobs)
