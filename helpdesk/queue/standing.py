"""How the queue stands for all organisations together, by type and priority, for whoever asks rarely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from helpdesk.models.values import JobPriority
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.link import Runs

# One partial index holds what has not completed, with the status first: what was cancelled is not read. It takes as
# long as the queue is.
_COUNTS = """
    SELECT job_type, priority,
           CASE WHEN status = 'pending' AND run_after > now() THEN 'delayed'
                WHEN status = 'pending' THEN 'ready' ELSE status END AS state, count(*) AS jobs
      FROM job_queue
     WHERE status IN ('pending', 'running', 'dead_letter') AND status <> 'completed'
     GROUP BY 1, 2, 3
"""
# One look at the head of each range of the index, however long that is; jobs with a limit are few, and in an index of
# their own. Those that crashed twice wait to be alone, which is not for want of a worker.
_OLDEST = """
    SELECT job_type, lane, extract(epoch FROM now() - min(run_after))::float8 AS oldest_s
      FROM (SELECT kind.job_type, lanes.lane, head.run_after
              FROM unnest($1::text[]) AS kind (job_type)
             CROSS JOIN (VALUES (0::smallint), (1::smallint), (2::smallint)) AS lanes (lane)
             CROSS JOIN LATERAL (
                   SELECT run_after FROM job_queue
                    WHERE claimable AND job_type = kind.job_type AND lane = lanes.lane AND run_after <= now()
                    ORDER BY run_after, id LIMIT 1) AS head
             UNION ALL
            SELECT job_type, lane, run_after FROM job_queue
             WHERE (status = 'pending' AND limit_key IS NOT NULL AND crash_count < 2)::int = 1
               AND run_after <= now()) AS heads
     GROUP BY job_type, lane
"""
_PAUSED = "SELECT kind, name FROM job_pauses"
_WORKERS = """
    SELECT kind, count(*) AS workers FROM workers
     WHERE last_seen > now() - make_interval(secs => $1::float8) GROUP BY kind
"""
_LANES = (JobPriority.HIGH, JobPriority.NORMAL, JobPriority.LOW)
# What this process does not know has names that it does not know either.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Standing:
    """Jobs of one type, priority and state: `ready`, `delayed`, `paused`, `running` or `dead_letter`.

    A job that only its pause keeps from running is `paused`.
    """

    job_type: str
    priority: str
    state: str
    jobs: int


@dataclass(frozen=True)
class Oldest:
    """How many seconds the oldest job of one type and priority has been due."""

    job_type: str
    priority: str
    due_s: float


async def standings(connection: Runs) -> list[Standing]:
    """Count what has not ended; types that this process does not know are all called `unknown`."""
    paused = await _paused(connection)
    found = []
    for row in await connection.fetch(_COUNTS):
        state = "paused" if row["state"] == "ready" and row["job_type"] in paused else row["state"]
        known = row["job_type"] if row["job_type"] in JOB_TYPES else UNKNOWN
        found.append(Standing(known, row["priority"], state, row["jobs"]))
    return found


async def oldest_ready(connection: Runs) -> list[Oldest]:
    """Return how long the oldest jobs wait that could run, where there are any; costs the same for any length.

    What is paused waits for nobody.
    """
    paused = await _paused(connection)
    return [
        Oldest(row["job_type"], str(_LANES[row["lane"]]), max(row["oldest_s"], 0.0))
        for row in await connection.fetch(_OLDEST, sorted(JOB_TYPES))
        if row["job_type"] in JOB_TYPES and row["job_type"] not in paused
    ]


async def living_workers(connection: Runs, *, lease_timeout_s: float) -> dict[str, int]:
    """Count the workers of each kind whose heartbeat is in time; a kind that has none may be left out."""
    return {row["kind"]: row["workers"] for row in await connection.fetch(_WORKERS, lease_timeout_s)}


async def _paused(connection: Runs) -> set[str]:
    rows = await connection.fetch(_PAUSED)
    return _types_of({row["name"] for row in rows if row["kind"] == "queue"}) | {
        row["name"] for row in rows if row["kind"] == "type"
    }


def _types_of(queues: Iterable[str]) -> set[str]:
    return {name for name, args in JOB_TYPES.items() if args.queue in queues}
