"""Figures that only the database knows, gathered now and then so that no scrape has to ask it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from helpdesk.backup.manifest import backup_folder, list_backups
from helpdesk.database.budget import look_at_budget
from helpdesk.database.server_figures import standbys, table_figures
from helpdesk.observability.metrics import index_queue, queue, server, sla_clocks
from helpdesk.observability.metrics.registry import Readings
from helpdesk.queue.link import CONNECTION_ERRORS, Runs
from helpdesk.queue.standing import living_workers, oldest_ready, standings
from helpdesk.queue.table_health import table_health_over
from helpdesk.rag.indexing.standing import index_standing
from helpdesk.settings import Settings
from helpdesk.sla.clocks.waiting import oldest_due_s
from workers.fleet import FLEET
from workers.lifecycle import WorkerProcess
from workers.loops import pause

EVERY_S = 15.0
# Where the queue is so long that counting it takes a while, it is counted less often.
_LEAST_SHARE = 50
# What takes longer goes without; the statements are waited for by others that use the same connection.
_LIMIT = "SET LOCAL statement_timeout = 5000"

log = structlog.get_logger()


class TooSlow(Exception):
    """Figures that would hold others up."""


@dataclass(frozen=True)
class _Group:
    """Figures that are gathered together, and shown together or not at all."""

    gather: Callable[[], Awaitable[None]]
    shown: Sequence[Readings]


class Gathering:
    """Gathers for one worker. Each worker does so for itself: what it shows is then never older than its last round."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process
        self._settings = process.settings
        self._groups = {
            "lag": self._asking(_lag, queue.OLDEST_READY),
            "queue": self._asking(_queue, queue.JOBS),
            "workers": self._asking(self._workers, queue.WORKERS),
            "index": self._asking(_index, index_queue.TASKS, index_queue.OLDEST),
            "sla": self._asking(_sla, sla_clocks.OLDEST_DUE),
            "connections": self._asking(_connections, server.CONNECTIONS, server.CONNECTIONS_ALLOWED),
            "tables": self._asking(_tables, server.DEAD_TUPLES, server.LIVE_TUPLES, server.TABLE_BYTES),
            "horizon": self._asking(_horizon, server.OLDEST_SNAPSHOT, server.SLOT_LAG),
            "standbys": self._asking(_standbys, server.STANDBYS, server.REPLICATION_LAG),
            "backups": _Group(self._backups, (server.BACKUP_AT, server.BACKUPS)),
        }

    async def run(self) -> None:
        """Gather until the process stops; raise when PostgreSQL is away, to be run again."""
        while not self._process.stopping.is_set():
            took = await self.gather()
            await pause(self._process.stopping, max(EVERY_S, _LEAST_SHARE * took))

    async def gather(self) -> float:
        """Gather once, and return how many seconds it took; a figure that cannot be had is not shown."""
        began = time.monotonic()
        for name, group in self._groups.items():
            try:
                await group.gather()
            except Exception as error:
                for readings in group.shown:
                    readings.replace({})
                queue.GATHER_FAILURES.labels(name).inc()
                if isinstance(error, CONNECTION_ERRORS):
                    raise
                log.warning("figures_not_gathered", group=name, error=f"{type(error).__name__}: {error}")
        took = time.monotonic() - began
        queue.GATHERED_AT.set(time.time())
        queue.GATHER_SECONDS.set(took)
        return took

    def _asking(self, gather: Callable[[Runs], Awaitable[None]], *shown: Readings) -> _Group:
        async def ask() -> None:
            async with self._process.link.transaction() as connection:
                await connection.fetch(_LIMIT)
                try:
                    await gather(connection)
                except asyncpg.QueryCanceledError as error:
                    # Else it is taken for a connection that is gone, for whose sake all others would go without.
                    raise TooSlow("it takes too long to count") from error

        return _Group(ask, shown)

    async def _workers(self, connection: Runs) -> None:
        living = await living_workers(connection, lease_timeout_s=self._settings.lease_timeout_s)
        queue.WORKERS.replace({(kind,): living.get(kind, 0) for kind in FLEET})

    async def _backups(self) -> None:
        newest, number = await asyncio.to_thread(_look_at_backups, self._settings)
        server.BACKUPS.set(number)
        server.BACKUP_AT.set(newest)


async def _queue(connection: Runs) -> None:
    jobs: Counter[tuple[str, ...]] = Counter()
    for standing in await standings(connection):
        jobs[standing.job_type, standing.priority, standing.state] += standing.jobs
    queue.JOBS.replace(jobs)


async def _lag(connection: Runs) -> None:
    found = await oldest_ready(connection)
    queue.OLDEST_READY.replace({(oldest.job_type, oldest.priority): oldest.due_s for oldest in found})


async def _index(connection: Runs) -> None:
    found = await index_standing(connection)
    index_queue.TASKS.replace({(state,): tasks for state, tasks in found.tasks.items()})
    index_queue.OLDEST.set(found.oldest_s)


async def _sla(connection: Runs) -> None:
    sla_clocks.OLDEST_DUE.set(await oldest_due_s(connection))


async def _connections(connection: Runs) -> None:
    budget = await look_at_budget(connection)
    # This one is not counted there.
    server.CONNECTIONS.set(budget.in_use + 1)
    server.CONNECTIONS_ALLOWED.set(budget.allowed)


async def _tables(connection: Runs) -> None:
    found = await table_figures(connection)
    server.DEAD_TUPLES.replace({(table.name,): table.dead_rows for table in found})
    server.LIVE_TUPLES.replace({(table.name,): table.live_rows for table in found})
    server.TABLE_BYTES.replace({(table.name,): table.bytes for table in found})


async def _horizon(connection: Runs) -> None:
    health = await table_health_over(connection)
    # Without the role that may look at other sessions, none in sight is not the same as none.
    server.OLDEST_SNAPSHOT.set(health.horizon_age_s or 0.0 if health.sees_all else health.horizon_age_s)
    server.SLOT_LAG.set(health.replication_slots_lag)


async def _standbys(connection: Runs) -> None:
    found = await standbys(connection)
    server.STANDBYS.set(found.standbys)
    server.REPLICATION_LAG.set(found.lag_s if found.standbys else None)


def _look_at_backups(settings: Settings) -> tuple[float | None, int]:
    backups = list_backups(backup_folder(settings))
    return (backups[0].manifest.created_at.timestamp() if backups else None), len(backups)
