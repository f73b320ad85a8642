"""Measure ticks over growing numbers of open clocks."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from sla_clock.desk import Desk, add_organizations, furnish
from sqlalchemy import event
from sqlalchemy.engine import make_url

from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from helpdesk.sla.clocks.minute import Minute
from helpdesk.sla.clocks.ticking import Tick

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Bench:
    """What a measurement works with."""

    raw: asyncpg.Connection
    database: Database
    statements: int = 0

    def count(self, *_arguments: object) -> None:
        """Count one statement."""
        self.statements += 1


@contextmanager
def _postgres() -> Iterator[EmbeddedPostgres]:
    home = Path(tempfile.mkdtemp(prefix="atum-bench-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home, options=("shared_buffers=512MB",))
    try:
        url = server.start()
        migrate = [sys.executable, "-m", "alembic", "upgrade", "head"]
        subprocess.run(migrate, check=True, cwd=ROOT, env=os.environ | {"ATUM_DATABASE_URL": url}, capture_output=True)
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Give a migrated, durable database that is gone afterwards."""
    with _postgres() as server:
        database = Database(Settings(database_url=server.url()), application="bench")
        # The superuser: whole tables are filled without looking up each row's references.
        name = make_url(server.url()).database
        raw = await asyncpg.connect(host=str(server.socket_folder), user="postgres", database=name)
        try:
            made = Bench(raw, database)
            event.listen(database.engine.sync_engine, "before_cursor_execute", made.count)
            yield made
        finally:
            await raw.close()
            await database.close()


async def measure_ticks(made: Bench, *, sizes: Sequence[int], crossings: int, rounds: int) -> list[dict[str, Any]]:
    """Measure ticks with nothing to do and with crossings, for each number of open clocks."""
    desk = await furnish(made.raw, now=datetime.now(UTC))
    # The first tick of a process reads what the later ones remember.
    await _crossing(made, desk, Minute(made.database), crossings)
    return [await _measure(made, desk, size, crossings, rounds) for size in sizes]


async def _measure(made: Bench, desk: Desk, size: int, crossings: int, rounds: int) -> dict[str, Any]:
    await desk.add(size // 2 - desk.tickets, crossing=False)
    await made.raw.execute("VACUUM ANALYZE", timeout=1800)
    clocks = await made.raw.fetchval("SELECT count(*) FROM sla_clocks WHERE state = 'running'", timeout=600)
    minute = Minute(made.database)
    await minute.tick()
    idle = [(await _timed(minute))[0] for _ in range(rounds)]
    began = time.perf_counter()
    await minute.skipped()
    counted = time.perf_counter() - began
    runs = [await _crossing(made, desk, minute, crossings) for _ in range(rounds)]
    return {
        "clocks": clocks,
        "crossings": crossings,
        "idle_ms": _ms(statistics.median(idle)),
        "tick_ms": _ms(statistics.median(took for took, _ in runs)),
        "tick_ms_each": [_ms(took) for took, _ in runs],
        "statements": runs[-1][1],
        "count_skipped_ms": _ms(counted),
    }


async def _crossing(made: Bench, desk: Desk, minute: Minute, crossings: int) -> tuple[float, int]:
    await desk.add(crossings, crossing=True)
    before = made.statements
    took, done = await _timed(minute)
    told = (done.warned_75, done.warned_90, done.breached)
    if done.processed != crossings or sum(told) != crossings or done.failed:
        raise SystemExit(f"A tick over {crossings} crossings did not tell each of them once: {done}")
    return took, made.statements - before


async def _timed(minute: Minute) -> tuple[float, Tick]:
    began = time.perf_counter()
    done = await minute.tick()
    return time.perf_counter() - began, done


async def measure_organizations(made: Bench, *, count: int, rounds: int) -> dict[str, Any]:
    """Measure ticks that only bring the time left up to date, with one calendar in each of many organisations."""
    await add_organizations(made.raw, count, now=datetime.now(UTC))
    await made.raw.execute("VACUUM ANALYZE", timeout=1800)
    minute = Minute(made.database)
    first, _ = await _timed(minute)
    later = []
    for _ in range(rounds):
        # The next second, or there would be nothing to write.
        await made.raw.execute("SELECT pg_sleep(1)")
        later.append((await _timed(minute))[0])
    return {"organizations": count, "first_ms": _ms(first), "later_ms": _ms(statistics.median(later))}


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)
