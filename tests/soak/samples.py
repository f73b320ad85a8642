"""What is looked at while it runs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg
import psutil

from tests.soak.ground import Ground

_CONNECTIONS = """
SELECT application_name, count(*) AS number FROM pg_stat_activity
 WHERE application_name LIKE 'atum-desk-%' GROUP BY application_name
"""
_ROWS = "SELECT sum(n_dead_tup)::bigint AS dead, sum(n_live_tup)::bigint AS live FROM pg_stat_user_tables"
_WAITING = """
SELECT (SELECT count(*) FROM job_queue WHERE status IN ('pending', 'running') AND run_after <= now()) AS jobs,
       (SELECT count(*) FROM rag_index_queue WHERE status IN ('pending', 'running')) AS index_rows,
       (SELECT count(*) FROM job_queue WHERE status = 'dead_letter') AS dead_letters
"""


@dataclass(frozen=True)
class Sample:
    """One look.

    Attributes:
        at: when (monotonic).
        memory_bytes: resident, by process.
        files: open files, by process.
        connections: to PostgreSQL, by the name they give.
        dead_rows, live_rows: over all tables, as PostgreSQL's statistics have it.
        waiting: jobs that are due or run, and rows of the index's queue.
    """

    at: float
    memory_bytes: dict[str, int]
    files: dict[str, int]
    connections: dict[str, int]
    dead_rows: int
    live_rows: int
    waiting: int
    dead_letters: int


@dataclass
class Watch:
    """Looks at everything at a steady pace."""

    ground: Ground
    connection: asyncpg.Connection
    every_s: float
    samples: list[Sample] = field(default_factory=list)

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until told to stop; raise when a process has died."""
        while not stopping.is_set():
            self.samples.append(await self.look())
            try:
                async with asyncio.timeout(self.every_s):
                    await stopping.wait()
            except TimeoutError:
                continue

    async def look(self) -> Sample:
        """Take one look at everything."""
        processes = {name: psutil.Process(process.pid) for name, process in self.ground.processes.items()}
        for name, process in self.ground.processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.ground.log(name)[-3000:]}")
        connections = {row["application_name"]: row["number"] for row in await self.connection.fetch(_CONNECTIONS)}
        rows = await self.connection.fetchrow(_ROWS)
        waiting = await self.connection.fetchrow(_WAITING)
        return Sample(
            at=time.monotonic(),
            memory_bytes={name: process.memory_info().rss for name, process in processes.items()},
            files={name: process.num_fds() for name, process in processes.items()},
            connections=connections,
            dead_rows=rows["dead"] or 0,
            live_rows=rows["live"] or 0,
            waiting=waiting["jobs"] + waiting["index_rows"],
            dead_letters=waiting["dead_letters"],
        )
