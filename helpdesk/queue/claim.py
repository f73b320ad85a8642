"""Take due jobs, and keep them while they run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from helpdesk.queue.link import Runs

# Three index ranges merged on a virtual deadline: a low job waits at most 300 s behind newer high work, a normal one
# 60 s, and no row is rewritten to age. Plan-proof whatever the statistics say: the search mentions only `claimable`, so
# that no index but the claim's fits, and the update finds its rows by primary key, never by a join.
_CLAIM = """
WITH cand AS MATERIALIZED (
    SELECT c.id, c.run_after + l.behind AS due
      FROM (VALUES (0::smallint, interval '0'), (1::smallint, interval '60 s'), (2::smallint, interval '300 s'))
           AS l (lane, behind)
     CROSS JOIN LATERAL (
           SELECT id, run_after FROM job_queue
            WHERE claimable AND job_queue.lane = l.lane AND run_after <= now() {only_types}
            ORDER BY run_after, id LIMIT $1 FOR UPDATE SKIP LOCKED) AS c),
pick AS MATERIALIZED (SELECT id FROM cand ORDER BY due, id LIMIT $1),
taken AS (
    UPDATE job_queue AS j
       SET status = 'running', locked_by = $2, locked_at = now(), started_at = now(), updated_at = now(),
           attempts = j.attempts + 1, lease = j.lease + 1
     WHERE j.id = ANY (ARRAY(SELECT id FROM pick))
    RETURNING j.id, j.organization_id, j.job_type, j.payload, j.lease, j.attempts, j.retry_count, j.max_retries,
              j.timeout_s, j.run_after, j.created_at),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, attempt, worker)
    SELECT organization_id, id, 'started', attempts, $2 FROM taken)
SELECT * FROM taken
"""
CLAIM = _CLAIM.format(only_types="")
CLAIM_TYPES = _CLAIM.format(only_types="AND job_type = ANY ($3::text[])")

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

# How long until the next delayed job is due: one look at the head of each lane.
_NEXT_DUE = """
SELECT extract(epoch FROM least(
    (SELECT run_after FROM job_queue WHERE claimable AND lane = 0 ORDER BY run_after LIMIT 1),
    (SELECT run_after FROM job_queue WHERE claimable AND lane = 1 ORDER BY run_after LIMIT 1),
    (SELECT run_after FROM job_queue WHERE claimable AND lane = 2 ORDER BY run_after LIMIT 1)) - now())::float8 AS wait
"""


@dataclass(frozen=True, slots=True)
class JobInHand:
    """A claimed job: what it takes, and the lease that fences every write about it.

    Attributes:
        payload: JSON text, as stored.
        attempt: how often it has been claimed and not handed back.
        lease: fencing token, together with `locked_by`, the worker's id.
        retry_count: handled failures so far; beyond `max_retries` it becomes a dead letter.
        timeout_s: seconds its handler gets.
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
    locked_by: UUID


async def claim(
    connection: Runs, *, worker_id: UUID, limit: int, types: Sequence[str] | None = None
) -> list[JobInHand]:
    """Take up to `limit` due jobs for a worker, by virtual deadline; each job goes to one worker only.

    Args:
        types: take only these job types; None takes any.
    """
    if types is None:
        rows = await connection.fetch(CLAIM, limit, worker_id)
    else:
        rows = await connection.fetch(CLAIM_TYPES, limit, worker_id, list(types))
    jobs = [_in_hand(row, worker_id) for row in rows]
    # The update returns them in any order; the virtual deadline is what decided, age what is left of it.
    jobs.sort(key=lambda job: (job.run_after, job.id))
    return jobs


async def seconds_until_due(connection: Runs) -> float | None:
    """Return the seconds until the next waiting job is due (negative: overdue), or None when none waits."""
    rows = await connection.fetch(_NEXT_DUE)
    wait: float | None = rows[0]["wait"]
    return wait


def fence(leases: Iterable[tuple[UUID, int]]) -> tuple[list[UUID], str]:
    """Return (ids, {id: lease} as JSON) for a fenced statement; sorted, so that two batches cannot deadlock."""
    pairs = sorted(leases)
    return [row for row, _ in pairs], json.dumps({str(row): lease for row, lease in pairs})


async def renew(connection: Runs, *, worker_id: UUID, leases: Mapping[UUID, int]) -> dict[UUID, bool]:
    """Renew leases; return the rows that are still the worker's, with whether somebody wants each stopped."""
    rows = await connection.fetch(HEARTBEAT, *fence(leases.items()), worker_id)
    return {row["id"]: bool(row["cancel"]) for row in rows}


def _in_hand(row: asyncpg.Record, worker_id: UUID) -> JobInHand:
    values: dict[str, Any] = dict(row)
    values["attempt"] = values.pop("attempts")
    return JobInHand(**values, locked_by=worker_id)
