"""A worker behind a network that is cut, with leases of three seconds instead of ninety."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import structlog
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Completed, Done, Outcome
from helpdesk.queue.rescue import rescue
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from tests.conftest import Server
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, history, row, until, until_event, working
from tests.proxy import Proxy, proxy
from tests.waiting import eventually
from workers import listener
from workers.context import WorkerContext

LEASE_S = 3.0
STOP_CLAIMING_S, STOP_HANDLERS_S = 2.0, 8 / 3


@pytest.fixture
async def between(server: Server) -> AsyncIterator[Proxy]:
    async with proxy(server.postgres.socket_folder) as between:
        yield between


@pytest.fixture
def far(settings: Settings, between: Proxy) -> Settings:
    """Return settings of a worker whose database is behind the proxy."""
    short = {"lease_heartbeat_s": 0.3, "lease_timeout_s": LEASE_S, "poll_interval": 0.2}
    return settings.model_copy(update={"database_url": between.url(settings.database_url), **short})


async def test_a_cut_off_worker_stops_claiming_then_its_handlers_before_others_may_take_its_jobs(
    far: Settings,
    between: Proxy,
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
) -> None:
    ended: list[float] = []

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(time.monotonic())
        return Done()

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    with structlog.testing.capture_logs() as logs:
        async with working(far, behaviour.handlers) as (_, process):
            await until(connection, job, "running")
            await asyncio.sleep(0.5)
            between.cut()
            last_beat = time.monotonic() - process.heartbeat.age_s
            while process.heartbeat.may_claim:
                assert time.monotonic() - last_beat < STOP_CLAIMING_S + 0.5
                await asyncio.sleep(0.02)
            stopped_claiming = time.monotonic() - last_beat
            # A tenth of a second of grace, for a machine that is busy.
            while not ended and time.monotonic() - last_beat < LEASE_S - 0.1:
                # The lease is not over yet, by the database's clock.
                assert await rescue(connection, lease_timeout_s=LEASE_S) == []
                await asyncio.sleep(0.02)
            assert ended
            stopped_handlers = ended[0] - last_beat
            between.heal()
            await until_event(connection, job, "released")
    assert STOP_CLAIMING_S <= stopped_claiming < STOP_HANDLERS_S
    assert STOP_HANDLERS_S <= stopped_handlers < LEASE_S
    assert "worker_cut_off" in {log["event"] for log in logs}
    assert (await row(connection, job))["crash_count"] == 0


async def test_what_a_cut_off_worker_did_is_done_once_although_others_took_its_jobs(
    far: Settings,
    settings: Settings,
    between: Proxy,
    database: Database,
    organization_id: UUID,
    connection: Link,
) -> None:
    far_away, near = Behaviour(), Behaviour()

    async def leave_mark(_args: Echo, context: WorkerContext) -> Outcome:
        async with context.database.transaction(organization_id) as session:
            await session.execute(text("UPDATE organizations SET name = name || '!'"))
            await context.complete_in(session)
        return Completed()

    async def stubborn(args: Echo, context: WorkerContext) -> Outcome:
        # Ignores that it is told to stop, and comes back to its work when the line is up again.
        while not between_healed.is_set():
            try:
                await between_healed.wait()
            except asyncio.CancelledError:
                told_to_stop.append(args.n)
        return await leave_mark(args, context)

    between_healed, told_to_stop = asyncio.Event(), list[int]()
    far_away.act, near.act = stubborn, leave_mark
    async with database.transaction(organization_id) as session:
        jobs = await enqueue_many(session, [Echo(n=n) for n in range(4)], organization_id=organization_id)
    async with working(far, far_away.handlers) as (runner, process):
        for job in jobs:
            await until(connection, job, "running")
        between.cut()
        await eventually(lambda: len(told_to_stop) == len(jobs))
        while not await rescue(connection, lease_timeout_s=LEASE_S, first_wait_s=0):
            assert process.heartbeat.age_s < LEASE_S + 2
            await asyncio.sleep(0.05)
        async with working(settings, near.handlers):
            for job in jobs:
                await until(connection, job, "completed")
        between.heal()
        between_healed.set()
        # It is back: it does new work.
        far_away.act = leave_mark
        new = await enqueue_echo(database, organization_id, n=9)
        await until(connection, new, "completed", within_s=20)
        assert runner.counters.stale >= len(jobs)
    names = await connection.fetch("SELECT name FROM organizations WHERE id = $1", organization_id)
    assert names[0]["name"] == "Test organisation" + 5 * "!"
    for job in jobs:
        assert (await history(connection, job)).count("completed") == 1


async def test_a_listener_on_a_dead_line_notices_and_hears_again(
    far: Settings,
    settings: Settings,
    between: Proxy,
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "_PING_S", 0.5)
    monkeypatch.setattr(listener, "_LOOK_S", 0.1)
    patient = far.model_copy(update={"poll_interval": 60.0, "lease_timeout_s": 90.0, "lease_heartbeat_s": 30.0})
    async with working(patient, behaviour.handlers) as (_, process), WakeUp(settings):
        await until(connection, await enqueue_echo(database, organization_id), "completed")
        with structlog.testing.capture_logs() as logs:
            between.cut()
            await eventually(lambda: not process.link.is_open)
            missed = await enqueue_echo(database, organization_id)
            await asyncio.sleep(0.2)
            between.heal()
            # What was sent meanwhile is lost; it looks at once when it is back.
            await until(connection, missed, "completed", within_s=15)
        assert {"listener"} <= {log.get("loop") for log in logs if log["event"] == "loop_restarted"}
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await until(connection, await enqueue_echo(database, organization_id), "completed")
        assert time.monotonic() - began < 2


async def test_a_listener_that_is_terminated_is_back_within_seconds(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    patient = settings.model_copy(update={"poll_interval": 60.0})
    async with working(patient, behaviour.handlers), WakeUp(settings):
        await asyncio.sleep(0.3)
        login = await database.connect_raw(role="atum_worker")
        await login.execute("RESET ROLE")
        killed = await login.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'atum-desk-job-worker-listen'"
        )
        await login.close()
        assert killed
        await asyncio.sleep(2.0)
        began = time.monotonic()
        await until(connection, await enqueue_echo(database, organization_id), "completed")
        assert time.monotonic() - began < 2


async def test_polling_goes_on_while_no_listener_can_connect(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    deaf = settings.model_copy(
        update={"database_pgbouncer": True, "database_listen_url": "postgresql://atum@127.0.0.1:9/none"}
    )
    async with working(deaf, behaviour.handlers), WakeUp(settings):
        for _ in range(2):
            await until(connection, await enqueue_echo(database, organization_id), "completed", within_s=5)
