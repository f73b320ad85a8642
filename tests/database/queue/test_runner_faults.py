"""A worker that is stopped, blocked or cut off."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import structlog
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.queue.claim import JobInHand
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Completed, Done, Outcome
from helpdesk.queue.rescue import rescue
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from tests.database.queue.jobs import (
    Behaviour,
    Echo,
    claim_one,
    enqueue_echo,
    history,
    link,
    row,
    until,
    working,
)
from workers.context import WorkerContext
from workers.fleet import CONNECTIONS_PER_WORKER
from workers.slots import Slots
from workers.verdict import HandedBack, Verdict


async def test_a_stop_hands_back_what_waits_and_what_does_not_finish_in_time(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    hasty = settings.model_copy(update={"drain_timeout_s": 0.5})

    async def act(args: Echo, _context: WorkerContext) -> Outcome:
        await asyncio.sleep(0.3 if args.n == 0 else 60)
        return Done()

    behaviour.act = act
    async with database.transaction(organization_id) as session:
        jobs = await enqueue_many(session, [Echo(n=n) for n in range(6)], organization_id=organization_id)
    async with working(hasty, behaviour.handlers):
        await until(connection, jobs[3], "running")
        workers = await connection.fetch("SELECT kind, state FROM workers")
        assert [tuple(worker) for worker in workers] == [("job", "running")]
    stored = [await row(connection, job) for job in jobs]
    assert [job["status"] for job in stored] == ["completed"] + 5 * ["pending"]
    assert {(job["attempts"], job["retry_count"], job["crash_count"]) for job in stored[1:]} == {(0, 0, 0)}
    assert await connection.fetch("SELECT 1 FROM workers") == []


async def test_jobs_that_a_claim_brings_after_the_stop_are_not_begun(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    await enqueue_echo(database, organization_id)
    job = await claim_one(connection)
    settled: list[Verdict] = []

    def context_of(job: JobInHand) -> WorkerContext:
        raise AssertionError("begun")

    slots = Slots(4, handlers=behaviour.handlers, context_of=context_of, settle=settled.append, nudge=lambda: None)
    slots.close()
    slots.accept([job])
    slots.hand_back_waiting(reason="the worker stopped")
    assert settled == [HandedBack(job, reason="the worker stopped")]


async def test_a_blocked_event_loop_keeps_its_leases_and_is_noticed(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    short = settings.model_copy(update={"lease_heartbeat_s": 0.2, "lease_timeout_s": 1.0})

    async def rescue_for_a_while() -> int:
        async with link(settings) as own:
            for _ in range(20):
                if rescued := await rescue(own, lease_timeout_s=1.0):
                    return len(rescued)
                await asyncio.sleep(0.1)
        return 0

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        # Another worker's rescuer, in a thread of its own, while this one's loop stands still.
        with ThreadPoolExecutor(1) as pool:
            return Done({"rescued": pool.submit(asyncio.run, rescue_for_a_while()).result()})

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    with structlog.testing.capture_logs() as logs:
        async with working(short, behaviour.handlers):
            done = await until(connection, job, "completed")
    assert (done["result"], done["lease"]) == ('{"rescued": 0}', 1)
    assert "event_loop_blocked" in {log["event"] for log in logs}


async def test_a_worker_cut_off_from_the_database_stops_claiming_and_then_its_handlers(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    short = settings.model_copy(update={"lease_heartbeat_s": 0.2, "lease_timeout_s": 1.5})
    stopped = asyncio.Event()

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return Done()

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    async with working(short, behaviour.handlers) as (_, process):
        await until(connection, job, "running")
        # Beats go nowhere from here on, as behind a dead network.
        process.heartbeat._beat = _never
        process.heartbeat.beat_now()
        began = time.monotonic()
        async with asyncio.timeout(8):
            await stopped.wait()
        assert time.monotonic() - began > 1.0
        assert not process.heartbeat.may_claim
    assert (await history(connection, job))[-1] == "released"


async def _never(_link: object) -> None:
    raise ConnectionError("no network")


async def test_a_worker_whose_connections_are_all_cut_goes_on_and_is_woken_again(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    patient = settings.model_copy(update={"poll_interval": 30.0})
    async with working(patient, behaviour.handlers), WakeUp(settings):
        await until(connection, await enqueue_echo(database, organization_id), "completed")
        login = await database.connect_raw(role="atum_worker")
        await login.execute("RESET ROLE")
        cut = await login.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'atum-desk-job-worker%'"
        )
        await login.close()
        assert len(cut) >= 3
        await asyncio.sleep(2.5)
        began = time.monotonic()
        await until(connection, await enqueue_echo(database, organization_id), "completed")
        assert time.monotonic() - began < 3
    assert behaviour.seen == [0, 0]


async def test_a_worker_uses_no_more_connections_than_it_says(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    async def act(_args: Echo, context: WorkerContext) -> Outcome:
        async with context.database.transaction(organization_id) as session:
            await session.execute(text("SELECT pg_sleep(0.2)"))
            await context.complete_in(session)
        return Completed()

    behaviour.act = act
    async with database.transaction(organization_id) as session:
        jobs = await enqueue_many(session, [Echo(n=n) for n in range(8)], organization_id=organization_id)
    async with working(settings, behaviour.handlers, capacity=8):
        most = 0
        async with asyncio.timeout(10):
            while (await row(connection, jobs[7]))["status"] != "completed":
                counted = await connection.fetch(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND application_name LIKE 'atum-desk-job-worker%'"
                )
                most = max(most, counted[0][0])
                await asyncio.sleep(0.05)
    assert 5 <= most <= CONNECTIONS_PER_WORKER
