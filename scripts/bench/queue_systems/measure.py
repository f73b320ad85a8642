"""What is measured of each queue, the same way for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg

Hit = Callable[[int], None]

BULK = 1000
# The watcher's own looks are marked, so that they are not counted as the system's.
_STATEMENTS = """
SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT LIKE '%watching%'
"""
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint AS watching"
_LONGEST_DRAIN_S = 300.0


class System(Protocol):
    """A queue on a database of its own.

    Attributes:
        name: as in the table.
        unfinished: SQL that says whether a job is left that has not been completed.
        share: of the jobs that a drain takes, so that a slow system does not hold the others up.
    """

    name: str
    unfinished: str
    share: float

    async def install(self, url: str) -> None:
        """Make its tables."""
        ...

    async def empty(self) -> None:
        """Leave its tables as new."""
        ...

    async def enqueue(self, number: int) -> None:
        """Enqueue one job, in a transaction of its own."""
        ...

    async def enqueue_bulk(self, first: int, count: int) -> None:
        """Enqueue jobs as fast as the system can."""
        ...

    async def work(self, stopping: asyncio.Event, hit: Hit) -> None:
        """Be its worker; handlers do nothing but call `hit`."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class Watch:
    """A connection that looks on."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @classmethod
    async def on(cls, url: str) -> Watch:
        """Connect."""
        return cls(await asyncpg.connect(url))

    async def cost(self) -> tuple[int, int]:
        """Return (statements, WAL bytes) so far."""
        return await self.connection.fetchval(_STATEMENTS), await self.connection.fetchval(_WAL)

    async def until_done(self, unfinished: str) -> float:
        """Wait until nothing is left; return the clock's reading."""
        deadline = time.perf_counter() + _LONGEST_DRAIN_S
        while await self.connection.fetchval(f"SELECT {unfinished} AS watching"):
            if time.perf_counter() > deadline:
                raise SystemExit("a drain has not ended in time")
            await asyncio.sleep(0.02)
        return time.perf_counter()


@asynccontextmanager
async def working(system: System, hit: Hit) -> Any:
    """Run the system's worker for a while."""
    stopping = asyncio.Event()
    running = asyncio.create_task(system.work(stopping, hit))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(running, 30)


async def fill(system: System, count: int) -> float:
    """Enqueue in bulk; return jobs per second."""
    began = time.perf_counter()
    for first in range(0, count, BULK):
        await system.enqueue_bulk(first, min(BULK, count - first))
    return count / (time.perf_counter() - began)


async def drain(system: System, watch: Watch, count: int) -> dict[str, float]:
    """Work off what waits; return jobs per second and what one job cost."""
    done = 0

    def hit(_number: int) -> None:
        nonlocal done
        done += 1

    statements, wal = await watch.cost()
    began = time.perf_counter()
    async with working(system, hit):
        ended = await watch.until_done(system.unfinished)
    if done < count:
        raise SystemExit(f"{system.name} ran {done} of {count} jobs")
    after = await watch.cost()
    return {
        "drain": count / (ended - began),
        "statements_per_job": (after[0] - statements) / count,
        "wal_bytes_per_job": (after[1] - wal) / count,
    }


async def pickup(system: System, *, jobs: int, every_s: float, at_once: int = 1) -> dict[str, float]:
    """Return percentiles of the milliseconds from the end of the enqueue call to the start of the handler."""
    sent: dict[int, float] = {}
    started: dict[int, float] = {}

    def hit(number: int) -> None:
        started[number] = time.perf_counter()

    async with working(system, hit):
        await asyncio.sleep(1.0)
        due = time.perf_counter()
        for first in range(0, jobs, at_once):
            if at_once == 1:
                await system.enqueue(first)
            else:
                await system.enqueue_bulk(first, at_once)
            now = time.perf_counter()
            sent.update(dict.fromkeys(range(first, first + at_once), now))
            due += every_s
            await asyncio.sleep(max(due - time.perf_counter(), 0))
        for _ in range(200):
            if len(started) >= jobs:
                break
            await asyncio.sleep(0.05)
    if len(started) < jobs:
        raise SystemExit(f"{system.name} started {len(started)} of {jobs} jobs")
    # A handler may start before the enqueue call has returned.
    waits = sorted(max(started[number] - sent[number], 0) * 1000 for number in sent)
    return {name: waits[min(int(len(waits) * share), len(waits) - 1)] for name, share in _PERCENTILES.items()}


_PERCENTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
