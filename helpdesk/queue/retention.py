"""How long the queue keeps what has ended, and the statements that remove it.

Freed space is left to autovacuum, which the table's settings let in early and at full speed: VACUUM belongs to the
owner of a table, and no process of the product acts as the owner while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import asyncpg
import structlog

from helpdesk.queue.link import Runs
from helpdesk.settings import Settings

BITE = 2000
TICKS_KEPT = timedelta(days=8)
# A worker that has missed so many leases is not coming back under its old id.
_LEASES_UNTIL_GONE = 10

# Small bites, oldest first: no long transaction, and never a row that somebody is replaying.
PRUNE = """
DELETE FROM job_queue WHERE id = ANY (ARRAY(
    SELECT id FROM job_queue
     WHERE finished_at < now() - $1::interval AND status = ANY ($2::text[])
     ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))
"""
# The newest tick of an entry stays, however old: what was missed is counted from it.
PRUNE_TICKS = """
DELETE FROM cron_ticks WHERE (name, tick_at) IN (
    SELECT name, tick_at FROM cron_ticks AS old
     WHERE tick_at < now() - $1::interval
       AND EXISTS (SELECT FROM cron_ticks AS newer WHERE newer.name = old.name AND newer.tick_at > old.tick_at)
     LIMIT $2)
"""
PRUNE_WORKERS = "DELETE FROM workers WHERE last_seen < now() - make_interval(secs => $1::float8)"
DROP_PARTITIONS = "SELECT drop_partitions('job_events', $1::interval)"
_MAKE_PARTITIONS = "SELECT make_partitions('job_events', 'day', 7), make_partitions('ai_runs', 'month', 2)"

log = structlog.get_logger()


@dataclass(frozen=True)
class Retention:
    """How long what has ended is kept.

    Attributes:
        failed: dead letters and cancelled jobs, which somebody may still want to look into or replay.
        worker_gone_s: seconds without a heartbeat after which a worker is no longer listed.
    """

    completed: timedelta
    failed: timedelta
    events: timedelta
    worker_gone_s: float

    @classmethod
    def of(cls, settings: Settings) -> Retention:
        """Return the retention that the settings ask for."""
        return cls(
            completed=timedelta(days=settings.keep_completed_days),
            failed=timedelta(days=settings.keep_failed_days),
            events=timedelta(days=settings.keep_job_events_days),
            worker_gone_s=settings.lease_timeout_s * _LEASES_UNTIL_GONE,
        )


async def make_partitions(connection: Runs) -> bool:
    """Make the partitions of the coming days where they are missing; False when the tables are too busy just now.

    Any process may do so at any time, and each worker does: history must have its place also when the queue is stuck.
    """
    try:
        await connection.fetch(_MAKE_PARTITIONS)
    except asyncpg.LockNotAvailableError as error:
        log.warning("partitions_not_made", error=str(error))
        return False
    return True
