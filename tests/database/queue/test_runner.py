"""A worker's runner, from claim to settled."""

import asyncio
import time
from typing import Any, ClassVar
from uuid import UUID

import pytest
import structlog
from sqlalchemy import text

from helpdesk.ai.model import ModelBusy
from helpdesk.database.engine import Database
from helpdesk.events.conversation import TicketGone, TicketMovedOn
from helpdesk.queue import commands
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Completed, Done, Fatal, Outcome
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from tests.database.queue.jobs import (
    Behaviour,
    Echo,
    enqueue_echo,
    history,
    known,
    row,
    until,
    until_event,
    working,
)
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import Handlers


async def test_a_job_runs_and_its_result_and_history_are_kept(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def act(args: Echo, context: WorkerContext) -> Outcome:
        await context.progress(50, "half way")
        assert context.organization_id == organization_id
        return Done({"n": args.n})

    behaviour.act = act
    job = await enqueue_echo(database, organization_id, n=7)
    done = await until(connection, job, "completed")
    assert (done["result"], done["progress"]) == ('{"n": 7}', '{"message": "half way", "percent": 50.0}')
    assert (done["locked_by"], done["attempts"], done["retry_count"]) == (None, 1, 0)
    assert await history(connection, job) == ["enqueued", "started", "completed"]
    assert worker[0].counters.completed == 1


async def test_an_idle_worker_is_woken_well_before_its_poll(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    slow = settings.model_copy(update={"poll_interval": 30.0})
    async with working(slow, behaviour.handlers), WakeUp(settings):
        await asyncio.sleep(0.3)
        began = time.monotonic()
        job = await enqueue_echo(database, organization_id)
        await until(connection, job, "completed")
    assert time.monotonic() - began < 2


async def test_without_a_wake_up_polling_finds_the_job(
    database: Database, organization_id: UUID, connection: Link, worker: Any
) -> None:
    await asyncio.sleep(0.2)
    assert (await until(connection, await enqueue_echo(database, organization_id), "completed"))["attempts"] == 1


async def test_a_failing_job_is_tried_again_later_and_set_aside_after_its_tries(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        raise LookupError("no such thing")

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    with structlog.testing.capture_logs() as logs:
        for tried in (1, 2):
            await until_event(connection, job, "retried", times=tried)
            await connection.fetch("UPDATE job_queue SET run_after = now()")
        dead = await until(connection, job, "dead_letter")
    assert dead["last_error"] == "LookupError: no such thing"
    assert (dead["retry_count"], behaviour.seen) == (3, [0, 0, 0])
    events = [log["event"] for log in logs if log["event"].startswith("job_")]
    assert events == ["job_retried", "job_retried", "job_dead_lettered"]
    assert next(log for log in logs if log["event"] == "job_retried")["job_id"] == str(job)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), BaseException("x")])
async def test_nothing_a_handler_raises_ends_the_worker(
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    worker: Any,
    error: BaseException,
) -> None:
    async def act(args: Echo, _context: WorkerContext) -> Outcome:
        if args.n == 1:
            raise error
        return Done()

    behaviour.act = act
    bad = await enqueue_echo(database, organization_id, n=1, max_retries=0)
    dead = await until(connection, bad, "dead_letter")
    assert type(error).__name__ in dead["last_error"]
    good = await enqueue_echo(database, organization_id, n=2)
    await until(connection, good, "completed")


async def test_fatal_errors_and_unstorable_results_are_set_aside_at_once(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def act(args: Echo, _context: WorkerContext) -> Outcome:
        if args.n == 1:
            raise Fatal("never")
        if args.n == 2:
            return Completed()
        return Done({"when": float("nan")}) if args.n == 3 else Done()

    behaviour.act = act
    async with database.transaction(organization_id) as session:
        jobs = await enqueue_many(session, [Echo(n=n) for n in range(5)], organization_id=organization_id)
    errors = [(await until(connection, job, "dead_letter"))["last_error"] for job in jobs[1:4]]
    assert errors[0] == "Fatal: never"
    assert "did not" in errors[1]
    assert "cannot be stored" in errors[2]
    for job in (jobs[0], jobs[4]):
        await until(connection, job, "completed")


async def test_a_handler_that_takes_too_long_is_cancelled_and_tried_again(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    class Slow(Echo):
        job_type: ClassVar = "TEST_SLOW"
        timeout_s: ClassVar = 1

    handlers, ended = Handlers(), asyncio.Event()

    @handlers.handles(Slow)
    async def slow(_args: Slow, _context: WorkerContext) -> Outcome:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return Done()

    with known(Slow):
        async with database.transaction(organization_id) as session:
            job = await enqueue(session, Slow(), organization_id=organization_id)
        async with working(settings, handlers):
            await until_event(connection, job, "retried")
            assert ended.is_set()
    stored = await row(connection, job)
    assert (stored["status"], stored["last_error"]) == ("pending", "timed out after 1 s")


async def test_a_payload_that_no_longer_fits_its_type_is_set_aside_and_says_why(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    job = await enqueue_echo(database, organization_id)
    await connection.fetch('UPDATE job_queue SET payload = \'{"n": "x"}\'')
    async with working(settings, behaviour.handlers):
        dead = await until(connection, job, "dead_letter")
    assert "TEST_ECHO does not take this: n: Input should be a valid integer" in dead["last_error"]
    assert behaviour.seen == []


@pytest.mark.parametrize("refusal", [ModelBusy(retry_after=45.0), TicketMovedOn()])
async def test_a_busy_model_or_a_moving_ticket_costs_no_try(
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    worker: Any,
    refusal: Exception,
) -> None:
    async def refuse() -> None:
        raise refusal

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        return await outcome_of(refuse())

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    await until_event(connection, job, "snoozed")
    stored = await row(connection, job)
    assert (stored["retry_count"], stored["crash_count"], stored["last_error"]) == (0, 0, None)
    if isinstance(refusal, ModelBusy):
        waits = await connection.fetch("SELECT extract(epoch FROM run_after - updated_at)::float8 FROM job_queue")
        assert (stored["attempts"], waits[0][0]) == (0, 45)


async def test_work_on_what_is_gone_is_dropped(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def gone() -> None:
        raise TicketGone

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        return await outcome_of(gone())

    behaviour.act = act
    dropped = await until(connection, await enqueue_echo(database, organization_id), "cancelled")
    assert dropped["last_error"] == "The ticket is no longer there."


async def test_an_effect_and_its_completion_are_rolled_back_together_when_the_lease_is_lost(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def act(_args: Echo, context: WorkerContext) -> Outcome:
        async with context.database.transaction(organization_id) as session:
            await session.execute(text("UPDATE organizations SET name = name || '!'"))
            if len(behaviour.seen) == 1:
                await connection.fetch(
                    "UPDATE job_queue SET status = 'pending', lease = lease + 1, locked_by = NULL, locked_at = NULL"
                )
            await context.complete_in(session)
        return Completed()

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    await until(connection, job, "completed")
    names = await connection.fetch("SELECT name FROM organizations WHERE id = $1", organization_id)
    assert (names[0]["name"], behaviour.seen) == ("Test organisation!", [0, 0])
    assert worker[0].counters.completed == 1


async def test_a_running_job_can_be_cancelled_long_before_the_next_heartbeat(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        await asyncio.sleep(60)
        return Done()

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    await until(connection, job, "running")
    async with WakeUp(settings), database.transaction(organization_id) as session:
        await commands.cancel(session, organization_id=organization_id, job_id=job)
        await session.commit()
        await until(connection, job, "cancelled")
    assert (await history(connection, job))[-2:] == ["cancel_requested", "cancelled"]


async def test_no_more_jobs_run_at_a_time_than_there_are_slots_and_a_short_job_frees_its_slot_at_once(
    database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour, worker: Any
) -> None:
    now = most = 0

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        return Done()

    behaviour.act = act
    async with database.transaction(organization_id) as session:
        jobs = await enqueue_many(session, [Echo(n=n) for n in range(200)], organization_id=organization_id)
    for job in jobs:
        await until(connection, job, "completed")
    assert most == 4
    assert sorted(behaviour.seen) == list(range(200))


async def test_a_job_of_a_type_without_a_handler_is_left_to_other_workers(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    async with working(settings, Handlers()):
        await asyncio.sleep(0.5)
    stored = await row(connection, job)
    assert (stored["status"], stored["attempts"], stored["retry_count"]) == ("pending", 0, 0)
    assert await history(connection, job) == ["enqueued"]


async def test_a_timeout_counts_also_while_the_worker_drains(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    begun = asyncio.Event()

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        begun.set()
        await asyncio.sleep(60)
        return Done()

    behaviour.act = act
    job = await enqueue_echo(database, organization_id)
    await connection.fetch("UPDATE job_queue SET timeout_s = 1 WHERE id = $1", job)
    async with working(settings, behaviour.handlers):
        await begun.wait()
    ended = await row(connection, job)
    assert (ended["status"], ended["retry_count"], ended["last_error"]) == ("pending", 1, "timed out after 1 s")
