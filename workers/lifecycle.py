"""What every worker process does around its work: signals, its row in `workers`, heartbeat, wake-ups, log lines.

A worker is written as::

    async def run(settings: Settings) -> int:
        stopping = stop_on_signals()
        async with worker_process(settings, kind="rag", stopping=stopping, heartbeat_sql=HEARTBEAT) as process:
            process.listener.on(INDEX, wake.set)
            await run_loops({"index": lambda: index_forever(process), **process.loops()}, stopping=stopping)
        return 0
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from uuid import UUID

import asyncpg
import structlog

from helpdesk.database.base import new_id
from helpdesk.database.budget import Budget, look_at_budget
from helpdesk.database.engine import Database
from helpdesk.database.schema_version import SchemaState, WrongSchema, state
from helpdesk.observability.level import set_log_level
from helpdesk.observability.metrics.serving import serve_metrics
from helpdesk.observability.metrics.worker import BEAT_AGE
from helpdesk.queue.link import CONNECTION_ERRORS, Link
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from helpdesk.supervision.environment_file import reread
from helpdesk.supervision.hangup import on_hangup
from helpdesk.supervision.notify import notify
from workers.fleet import FLEET, HANDLER_POOL_SIZE
from workers.heartbeat import Heartbeat
from workers.listener import Listener
from workers.loops import Loop, keep_running, pause
from workers.supervised import Supervised

_REGISTER = """
    INSERT INTO workers (id, kind, host, pid, state, capacity, types, version)
    VALUES ($1, $2, $3, $4, 'running', $5, $6, $7)
    ON CONFLICT (id) DO UPDATE SET last_seen = now(), state = 'running'
"""
_UNREGISTER = "DELETE FROM workers WHERE id = $1"
_GOODBYE_S = 5.0
_LAG_LOOK_S = 0.5

log = structlog.get_logger()


class StoppedEarly(Exception):
    """The worker was told to stop before it could begin."""


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; a second one of them ends the process at once.

    Must be called in the main thread, on the running loop.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked = 0

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            # Also where the loop is blocked, and without waiting for threads.
            os._exit(128 + number)
        loop.call_soon_threadsafe(stopping.set)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


@dataclass(frozen=True)
class WorkerProcess:
    """What the loops of one worker process share.

    Attributes:
        database: the handlers' pool, at most two connections.
        heartbeat: give it the leases in hand; it says which are lost.
        listener: calls back on wake-ups; its `link` runs rare short statements as `atum_worker`.
        stopping: set when the process is to end.
        supervised: give it the turns of the loops that work, and a line about them; the service manager is told.
    """

    id: UUID
    kind: str
    settings: Settings
    database: Database
    heartbeat: Heartbeat
    listener: Listener
    stopping: asyncio.Event
    supervised: Supervised

    @property
    def link(self) -> Link:
        """Return the connection for rare short statements."""
        return self.listener.link

    def loops(self) -> dict[str, Loop]:
        """Return the loops every worker runs, for `run_loops`."""
        return {"listener": lambda: self.listener.run(self.stopping), "lag": self._watch_lag}

    async def _watch_lag(self) -> None:
        lag = self.heartbeat.lag
        while not self.stopping.is_set():
            lag.mark(next_in_s=_LAG_LOOK_S)
            await pause(self.stopping, _LAG_LOOK_S)
        # From here on nobody marks, and nothing is late.
        lag.mark(next_in_s=math.inf)


@asynccontextmanager
async def worker_process(
    settings: Settings,
    *,
    kind: str,
    stopping: asyncio.Event,
    capacity: int = 1,
    types: Sequence[str] = (),
    heartbeat_sql: str | None = None,
) -> AsyncIterator[WorkerProcess]:
    """Be a worker: registered and beating inside, unregistered and disconnected afterwards.

    Waits for PostgreSQL as long as it takes, or until `stopping` is set.

    Raises:
        ConnectionsExhausted: when PostgreSQL has not enough connections left.
        WrongSchema: when the database has not a schema that this code runs with.
        StoppedEarly: when it was told to stop before PostgreSQL answered.

    Args:
        kind: `job`, `rag` or `sla`.
        capacity: how much it does at a time.
        types: what it serves; empty means everything.
        heartbeat_sql: see `Heartbeat`.
    """
    worker_id, application = new_id(), f"{kind}-worker"
    structlog.contextvars.bind_contextvars(worker_id=str(worker_id))
    on_hangup(lambda: set_log_level(reread("ATUM_LOG_LEVEL") or settings.log_level))
    notify("STATUS=waiting for PostgreSQL")
    await _check_schema(settings, application=application, stopping=stopping)
    handlers_share = settings.model_copy(update={"database_pool_size": HANDLER_POOL_SIZE})
    database = Database(handlers_share, application=application)
    heartbeat = Heartbeat(settings, worker_id=worker_id, application=application, sql=heartbeat_sql)
    listener = Listener(settings, application=application)
    supervised = Supervised(stopping)
    process = WorkerProcess(worker_id, kind, settings, database, heartbeat, listener, stopping, supervised)
    async with AsyncExitStack() as stack:
        stack.callback(_show_metrics(process))
        # Until the very end, which may take longer than the watchdog waits.
        stack.push_async_callback(supervised.stop)
        stack.push_async_callback(_disconnect, process)
        if not settings.database_pgbouncer:
            await _check_budget(process)
        await keep_running("register", lambda: _register(process, capacity, types), stopping=stopping)
        staying = asyncio.create_task(_stay_registered(process, capacity, types), name="registration")
        stack.callback(staying.cancel)
        heartbeat.start()
        await stack.enter_async_context(WakeUp(settings, link=listener.link))
        supervised.start()
        yield process


async def _check_schema(settings: Settings, *, application: str, stopping: asyncio.Event) -> None:
    """Raise WrongSchema unless the schema is one that this code runs with: before anything is written to it.

    Raises:
        StoppedEarly: `stopping` was set meanwhile.
    """
    found: list[SchemaState] = []
    link = Link(settings, application=application)

    async def look() -> None:
        found.append(await state(link))

    # A try to connect takes seconds, which a stop need not wait for.
    tasks = [asyncio.create_task(keep_running("schema", look, stopping=stopping)), asyncio.create_task(stopping.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await link.close()
    if not found:
        raise StoppedEarly
    for schema in found:
        if schema.verdict != "ok":
            raise WrongSchema(schema.sentence)


def _show_metrics(process: WorkerProcess) -> Callable[[], None]:
    BEAT_AGE.read = lambda: {(): process.heartbeat.age_s}
    service = f"{process.kind}-worker"
    return serve_metrics(process.settings.metrics_listen, service=service, version=product_version())


async def _check_budget(process: WorkerProcess) -> None:
    """Warn when PostgreSQL's connections are about to run out; raise ConnectionsExhausted when they have."""
    found: list[Budget] = []

    async def look() -> None:
        per_worker = {kind.name: kind.connections for kind in FLEET.values()}
        gone_s = process.settings.lease_timeout_s
        found.append(await look_at_budget(process.link, per_worker=per_worker, worker_gone_s=gone_s))

    await keep_running("connection budget", look, stopping=process.stopping)
    needs = FLEET[process.kind].connections
    for budget in found:
        if (left := budget.left(needs)) < 0:
            log.warning("connection_budget_tight", needs=needs, allowed=budget.allowed, missing=-left)


async def _register(process: WorkerProcess, capacity: int, types: Sequence[str]) -> None:
    host = socket.gethostname()
    await process.link.fetch(
        _REGISTER, process.id, process.kind, host, os.getpid(), capacity, list(types), product_version()
    )
    log.info("connected_to_database", worker_id=str(process.id))
    log.info(f"{process.kind}_worker_started", worker_id=str(process.id))


async def _stay_registered(process: WorkerProcess, capacity: int, types: Sequence[str]) -> None:
    """Make the worker's row anew whenever the database has forgotten it."""
    forgotten = asyncio.Event()
    process.heartbeat.on_forgotten = forgotten.set
    while True:
        await forgotten.wait()
        forgotten.clear()
        log.warning("worker_row_missing", worker_id=str(process.id))
        await keep_running("register", lambda: _register(process, capacity, types), stopping=process.stopping)


async def _disconnect(process: WorkerProcess) -> None:
    await process.heartbeat.stop()
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await process.link.fetch(_UNREGISTER, process.id)
    except (*CONNECTION_ERRORS, asyncpg.PostgresError) as error:
        log.warning("worker_row_left_behind", worker_id=str(process.id), error=f"{type(error).__name__}: {error}")
    await process.listener.close()
    await process.database.close()
    log.info("database_connection_closed", worker_id=str(process.id))


def product_version() -> str:
    """Return the installed version, or `0` when run from a folder that is not installed."""
    try:
        return version("atum-desk")
    except PackageNotFoundError:
        return "0"
