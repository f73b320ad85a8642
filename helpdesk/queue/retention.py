"""Keep the queue's tables small: old rows go in small bites, old history by whole partitions."""

from __future__ import annotations

from datetime import timedelta

from helpdesk.queue.link import Runs

_COMPLETED_KEPT = timedelta(days=7)
_OTHERS_KEPT = timedelta(days=90)
_EVENTS_KEPT = timedelta(days=30)
_BITE = 2000

# Small bites, oldest first: no long transaction, and never a row that somebody is replaying.
PRUNE = """
DELETE FROM job_queue WHERE id = ANY (ARRAY(
    SELECT id FROM job_queue
     WHERE finished_at < now() - $1::interval AND status = ANY ($2::text[])
     ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING id
"""
_PRUNE_TICKS = "DELETE FROM cron_ticks WHERE tick_at < now() - interval '8 days'"
_PRUNE_WORKERS = "DELETE FROM workers WHERE last_seen < now() - make_interval(secs => $1::float8)"
_MAKE_PARTITIONS = "SELECT make_partitions('job_events', 'day', 7), make_partitions('ai_runs', 'month', 2)"
_DROP_PARTITIONS = "SELECT drop_partitions('job_events', $1::interval)"


async def prune(connection: Runs, *, statuses: tuple[str, ...], kept: timedelta) -> int:
    """Delete one bite of finished jobs older than `kept`; return how many, 0 when none are left."""
    return len(await connection.fetch(PRUNE, kept, list(statuses), _BITE))


async def maintain(connection: Runs, *, worker_gone_s: float) -> int:
    """Make the coming partitions, drop the old ones and delete what is past its retention.

    Args:
        worker_gone_s: a worker that has not beaten for this long is no longer listed.

    Returns:
        How many jobs were deleted.
    """
    await connection.fetch(_MAKE_PARTITIONS)
    await connection.fetch(_DROP_PARTITIONS, _EVENTS_KEPT)
    await connection.fetch(_PRUNE_TICKS)
    await connection.fetch(_PRUNE_WORKERS, worker_gone_s)
    deleted = 0
    for statuses, kept in ((("completed",), _COMPLETED_KEPT), (("dead_letter", "cancelled"), _OTHERS_KEPT)):
        while bite := await prune(connection, statuses=statuses, kept=kept):
            deleted += bite
    return deleted
