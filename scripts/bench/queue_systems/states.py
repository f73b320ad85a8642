"""States in which queues on PostgreSQL are known to collapse."""

from __future__ import annotations

import asyncpg
from queue_systems.measure import System, Watch, drain, fill
from queue_systems.ours import Ours

_ROUNDS_WITH_OLD_SNAPSHOT = 5
_FINISHED = 200_000
_MILLION = 1_000_000

_FILL = {
    "dead letters": """
        INSERT INTO job_queue (id, organization_id, job_type, status, finished_at, last_error)
        SELECT gen_random_uuid(), $1, 'BENCH_NOTHING', 'dead_letter', now(), 'bench' FROM generate_series(1, $2::int)
    """,
    "delayed jobs": """
        INSERT INTO job_queue (id, organization_id, job_type, run_after)
        SELECT gen_random_uuid(), $1, 'BENCH_NOTHING', now() + interval '1 day' FROM generate_series(1, $2::int)
    """,
    "finished jobs": """
        INSERT INTO job_queue (id, organization_id, job_type, status, finished_at)
        SELECT gen_random_uuid(), $1, 'BENCH_NOTHING', 'completed', now() FROM generate_series(1, $2::int)
    """,
}


async def _as_owner(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE atum_owner")
    for statement in statements:
        await connection.execute(statement, timeout=600)
    await connection.close()


async def _put(url: str, ours: Ours, what: str, count: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("SET ROLE atum_owner")
    await connection.execute(_FILL[what], ours.organization_id, count, timeout=900)
    await connection.close()


async def among_a_million(ours: Ours, url: str, watch: Watch, *, what: str, jobs: int) -> float:
    """Return jobs per second with a million rows that are not to be done now."""
    await ours.empty()
    await _put(url, ours, what, _MILLION)
    await _as_owner(url, "VACUUM ANALYZE job_queue")
    await fill(ours, jobs)
    return (await drain(ours, watch, jobs))["drain"]


async def with_stale_statistics(ours: Ours, url: str, watch: Watch, *, jobs: int) -> float:
    """Return jobs per second of a burst after statistics were taken while nothing waited."""
    await ours.empty()
    await _put(url, ours, "finished jobs", _FINISHED)
    await _as_owner(url, "VACUUM ANALYZE job_queue", "ALTER TABLE job_queue SET (autovacuum_enabled = false)")
    await fill(ours, jobs)
    try:
        return (await drain(ours, watch, jobs))["drain"]
    finally:
        await _as_owner(url, "ALTER TABLE job_queue RESET (autovacuum_enabled)")


async def with_an_old_snapshot(system: System, url: str, watch: Watch, *, jobs: int) -> tuple[float, float]:
    """Return jobs per second before another session holds an old snapshot open, and in the fourth round after."""
    await system.empty()
    old = await asyncpg.connect(url)
    rates = []
    for number in range(_ROUNDS_WITH_OLD_SNAPSHOT):
        if number == 1:
            await old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await old.fetchval("SELECT count(*) FROM pg_class")
        await fill(system, jobs)
        rates.append((await drain(system, watch, jobs))["drain"])
    await old.close()
    return rates[0], rates[-1]
