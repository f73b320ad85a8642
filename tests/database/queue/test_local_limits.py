"""One worker process does not give all its slots to one job type."""

import asyncio
from typing import ClassVar
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.catalog import TriageTicket
from helpdesk.queue.decode import UnknownJobType
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Done, Outcome
from helpdesk.settings import Settings
from tests.database.queue.jobs import Echo, enqueue_echo, known, until, working
from workers.context import WorkerContext
from workers.registry import Handlers
from workers.room import InvalidTypeLimits, most_of_each, room_for


class Slow(Echo):
    """At most two at a time in one process."""

    job_type: ClassVar = "TEST_SLOW"
    most_per_worker: ClassVar = 2


def test_a_type_says_how_many_a_worker_runs_and_the_setting_stands_before_it() -> None:
    with known(Slow):
        types = ["TEST_ECHO", "TEST_SLOW"]
        assert most_of_each(types, "") == {"TEST_SLOW": 2}
        assert most_of_each(types, " TEST_SLOW = 3 ,TEST_ECHO=1,") == {"TEST_SLOW": 3, "TEST_ECHO": 1}
        # Set for all workers, also those that serve something else.
        assert most_of_each(types, "TRIAGE_TICKET=1") == {"TEST_SLOW": 2}
        with pytest.raises(InvalidTypeLimits, match="'TEST_SLOW' is not TYPE=NUMBER"):
            most_of_each(types, "TEST_SLOW")
        with pytest.raises(InvalidTypeLimits, match="from 1 on"):
            most_of_each(types, "TEST_SLOW=0")
        with pytest.raises(UnknownJobType):
            most_of_each(types, "TEST_SLOWER=1")


def test_room_is_what_is_left_of_each_type_and_of_all() -> None:
    room = room_for(["A", "B", "C"], most={"A": 2, "B": 4}, in_hand={"A": 2, "B": 1, "C": 9}, limit=5)
    assert room == {"B": 3, "C": 5}


def test_jobs_that_wait_for_the_text_model_leave_slots_to_others() -> None:
    assert TriageTicket.most_per_worker is not None
    assert TriageTicket.most_per_worker < Settings().max_concurrent_jobs


async def test_a_type_at_its_local_limit_neither_runs_more_nor_holds_up_others(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    handlers, now, most = Handlers(), 0, 0
    first_echo = asyncio.Event()

    @handlers.handles(Slow)
    async def slow(_args: Slow, _context: WorkerContext) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        # Nothing of the crowd ends before the other job has run.
        await first_echo.wait()
        await asyncio.sleep(0.01)
        now -= 1
        return Done()

    @handlers.handles(Echo)
    async def echo(_args: Echo, _context: WorkerContext) -> Outcome:
        first_echo.set()
        return Done()

    with known(Slow):
        async with database.transaction(organization_id) as session:
            jobs = await enqueue_many(session, [Slow(n=n) for n in range(30)], organization_id=organization_id)
        patient = settings.model_copy(update={"poll_interval": 5.0})
        async with working(patient, handlers, capacity=4):
            jobs.append(await enqueue_echo(database, organization_id))
            # Ends bring the next ones on, not polls.
            for job in jobs:
                await until(connection, job, "completed", within_s=10)
    assert most == 2


async def test_the_setting_holds_in_a_worker(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    handlers, now, most = Handlers(), 0, 0

    @handlers.handles(Echo)
    async def echo(_args: Echo, _context: WorkerContext) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.01)
        now -= 1
        return Done()

    async with database.transaction(organization_id) as session:
        jobs = [await enqueue(session, Echo(n=n), organization_id=organization_id) for n in range(12)]
    limited = settings.model_copy(update={"job_type_limits": "TEST_ECHO=1"})
    async with working(limited, handlers, capacity=4):
        for job in jobs:
            await until(connection, job, "completed")
    assert most == 1
