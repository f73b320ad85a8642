"""Take index tasks in hand, and give them back: short statements outside any transaction, fenced by a lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from helpdesk.models.values import IndexAction, SourceType
from helpdesk.queue.link import Runs

BATCH = 10
MAX_ATTEMPTS = 3
# A source that kills its worker this often is set aside.
MAX_CRASHES = 3


@dataclass(frozen=True)
class IndexTaskInHand:
    """A claimed source; (id, lease, worker) fences every write about it."""

    id: UUID
    organization_id: UUID
    source_type: SourceType
    source_id: UUID
    action: IndexAction
    attempts: int
    lease: int
    worker: UUID


# By priority, then age; of one organisation at most half a batch while others wait, so that an import delays nobody.
# The others are sought below and above the crowding organisation's id, which skips its thousands of rows.
# A source whose worker died goes alone, so that only the one that kills is set aside, not those that were with it.
_CLAIM = """
WITH head AS MATERIALIZED (
    SELECT id, organization_id, priority, run_after, crash_count FROM rag_index_queue
     WHERE status = 'pending' AND run_after <= now()
     ORDER BY priority DESC, run_after, id LIMIT $2 * 4),
crowd AS (SELECT min(organization_id::text)::uuid AS organization_id FROM head
          HAVING count(*) = $2 * 4 AND count(DISTINCT organization_id) = 1),
others AS (
    SELECT q.id, q.organization_id, q.priority, q.run_after, q.crash_count FROM crowd, rag_index_queue q
     WHERE q.status = 'pending' AND q.run_after <= now()
       AND (q.organization_id < crowd.organization_id OR q.organization_id > crowd.organization_id)
     ORDER BY q.priority DESC, q.run_after, q.id LIMIT $2),
ranked AS (
    SELECT id, priority, run_after, crash_count > 0 AS suspect,
           row_number() OVER (PARTITION BY organization_id ORDER BY priority DESC, run_after, id) > ($2 + 1) / 2
               AS beyond
      FROM (SELECT * FROM head UNION SELECT * FROM others) waiting),
foremost AS MATERIALIZED (SELECT suspect FROM ranked ORDER BY beyond, priority DESC, run_after, id LIMIT 1),
pick AS MATERIALIZED (
    SELECT q.id FROM ranked r JOIN rag_index_queue q ON q.id = r.id
     WHERE q.status = 'pending' AND r.suspect = (SELECT suspect FROM foremost)
     ORDER BY r.beyond, r.priority DESC, r.run_after, r.id
     LIMIT CASE WHEN (SELECT suspect FROM foremost) THEN 1 ELSE $2 END
       FOR UPDATE OF q SKIP LOCKED)
UPDATE rag_index_queue
   SET status = 'running', locked_by = $1, locked_at = now(), lease = lease + 1, claimed_version = version,
       updated_at = now()
 WHERE id = ANY (ARRAY(SELECT id FROM pick)) AND status = 'pending'
RETURNING id, organization_id, source_type, source_id, action, attempts, lease
"""

# Without counting a try: a stop, or a model runtime that is away.
_RELEASE = """
UPDATE rag_index_queue q
   SET status = 'pending', locked_by = NULL, locked_at = NULL, claimed_version = NULL, last_error = $4,
       run_after = now() + make_interval(secs => $5), updated_at = now()
  FROM unnest($1::uuid[], $2::bigint[]) AS mine (id, lease)
 WHERE q.id = mine.id AND q.lease = mine.lease AND q.locked_by = $3
RETURNING q.id
"""

# The source itself is at fault: 15 s, 30 s, then set aside; a change that came meanwhile starts anew.
_FAIL = """
UPDATE rag_index_queue
   SET status = CASE WHEN version <> claimed_version OR attempts + 1 < $5 THEN 'pending' ELSE 'failed' END,
       attempts = CASE WHEN version <> claimed_version THEN 0 ELSE attempts + 1 END,
       run_after = now() + make_interval(secs => 15 * power(2, attempts) * (0.8 + 0.4 * random())),
       locked_by = NULL, locked_at = NULL, last_error = left($4, 4000), updated_at = now()
 WHERE id = $1 AND lease = $2 AND locked_by = $3
RETURNING status
"""

# Liveness, never age of the task: a live worker beats however long it takes.
_RESCUE = """
WITH stale AS MATERIALIZED (
    SELECT id FROM rag_index_queue
     WHERE status = 'running' AND locked_at < now() - make_interval(secs => $1)
     ORDER BY id FOR UPDATE SKIP LOCKED)
UPDATE rag_index_queue
   SET status = CASE WHEN crash_count + 1 < $2 THEN 'pending' ELSE 'failed' END, crash_count = crash_count + 1,
       last_error = 'the worker that had it in hand stopped beating', lease = lease + 1, claimed_version = NULL,
       locked_by = NULL, locked_at = NULL, run_after = now(), updated_at = now()
 WHERE id = ANY (ARRAY(SELECT id FROM stale))
RETURNING id, status
"""

# What is done needs no row; the few hours tell an operator what happened last.
_PRUNE = "DELETE FROM rag_index_queue WHERE status = 'done' AND updated_at < now() - interval '6 hours' RETURNING id"

# For the heartbeat thread, which must not wait for a row that this worker's own transaction has locked.
HEARTBEAT = """
WITH mine AS MATERIALIZED (
    SELECT id FROM rag_index_queue
     WHERE id = ANY ($1::uuid[]) AND lease = ($2::jsonb ->> id::text)::bigint AND locked_by = $3
       FOR UPDATE SKIP LOCKED),
beat AS (UPDATE rag_index_queue SET locked_at = now() WHERE id = ANY (ARRAY(SELECT id FROM mine)))
SELECT id, false AS cancel FROM rag_index_queue
 WHERE id = ANY ($1::uuid[]) AND lease = ($2::jsonb ->> id::text)::bigint AND locked_by = $3
"""


async def claim(connection: Runs, *, worker: UUID, limit: int = BATCH) -> list[IndexTaskInHand]:
    """Take up to `limit` sources that wait, the most urgent first, no organisation crowding out another."""
    rows = await connection.fetch(_CLAIM, worker, limit)
    return [
        IndexTaskInHand(
            id=row["id"],
            organization_id=row["organization_id"],
            source_type=SourceType(row["source_type"]),
            source_id=row["source_id"],
            action=IndexAction(row["action"]),
            attempts=row["attempts"],
            lease=row["lease"],
            worker=worker,
        )
        for row in rows
    ]


async def release(
    connection: Runs, tasks: Sequence[IndexTaskInHand], *, reason: str | None = None, after_s: float = 0.0
) -> int:
    """Hand tasks back without counting a try; return how many were still this worker's."""
    if not tasks:
        return 0
    ids, leases = zip(*sorted((task.id, task.lease) for task in tasks), strict=True)
    rows = await connection.fetch(_RELEASE, list(ids), list(leases), tasks[0].worker, reason, after_s)
    return len(rows)


async def fail(connection: Runs, task: IndexTaskInHand, *, error: str) -> str | None:
    """Count a failed try; return the status it leaves the task in, None when the lease is lost."""
    rows = await connection.fetch(_FAIL, task.id, task.lease, task.worker, error, MAX_ATTEMPTS)
    return str(rows[0]["status"]) if rows else None


async def rescue(connection: Runs, *, timeout_s: float) -> int:
    """Give tasks of workers that stopped beating to others; return how many."""
    return len(await connection.fetch(_RESCUE, timeout_s, MAX_CRASHES))


async def prune(connection: Runs) -> int:
    """Delete tasks that have been done for some hours; return how many."""
    return len(await connection.fetch(_PRUNE))


def leases_of(tasks: Iterable[IndexTaskInHand]) -> dict[UUID, int]:
    """Return the leases that a heartbeat has to renew."""
    return {task.id: task.lease for task in tasks}
