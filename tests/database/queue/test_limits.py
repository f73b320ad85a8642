"""No more jobs of a limit key run at a time than it has slots, however many workers there are."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import asyncpg
import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue import commands
from helpdesk.queue.catalog import SmartReply
from helpdesk.queue.claim import JobInHand, claim, claim_by_tenant
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.queue.limits import LimitedTurns, claim_limited, default_slots, waiting_keys
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Done, Outcome
from helpdesk.queue.rescue import rescue
from helpdesk.queue.settle import complete, fail, hand_back
from helpdesk.settings import Settings
from tests.database.queue.jobs import Echo, history, known, link, row, until, working
from workers.context import WorkerContext
from workers.registry import Handlers


class Narrow(Echo):
    """At most three at a time, everywhere."""

    job_type: ClassVar = "TEST_NARROW"
    limited_by: ClassVar = "type"
    slots: ClassVar = 3


class Own(Echo):
    """At most two at a time of each tenant."""

    job_type: ClassVar = "TEST_OWN"
    limited_by: ClassVar = "tenant"
    slots: ClassVar = 2


class Shared(Echo):
    """Shares its slots with another type."""

    job_type: ClassVar = "TEST_SHARED"
    limited_by: ClassVar = "test-model"
    slots: ClassVar = 2


class SharedToo(Shared):
    """The other type."""

    job_type: ClassVar = "TEST_SHARED_TOO"


@pytest.fixture(autouse=True)
def _types_are_known() -> Iterator[None]:
    with known(Narrow, Own, Shared, SharedToo):
        yield


async def take(
    connection: Link, limit: int = 100, *, turns: LimitedTurns | None = None, room: dict[str, int] | None = None
) -> list[JobInHand]:
    turns = turns or LimitedTurns()
    keys = await waiting_keys(connection, turns=turns, room=room)
    return (await claim_limited(connection, worker_id=new_id(), limit=limit, keys=keys, turns=turns, room=room)).jobs


async def add(database: Database, organization_id: UUID, *jobs: Echo, **options: JobPriority | datetime) -> list[UUID]:
    async with database.transaction(organization_id) as session:
        return [await enqueue(session, job, organization_id=organization_id, **options) for job in jobs]  # type: ignore[arg-type]


async def test_twelve_claimers_never_run_more_than_there_are_slots_and_run_each_job_once(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    async with database.transaction(organization_id) as session:
        await enqueue_many(session, [Narrow(n=n) for n in range(150)], organization_id=organization_id)
    seen: list[UUID] = []
    most = 0

    async def work() -> None:
        turns = LimitedTurns()
        async with link(settings) as own:
            while len(seen) < 150:
                keys = await waiting_keys(own, turns=turns)
                me = new_id()
                taken = (await claim_limited(own, worker_id=me, limit=2, keys=keys, turns=turns)).jobs
                seen.extend(job.id for job in taken)
                await asyncio.sleep(0.002)
                for number, job in enumerate(taken):
                    # Every way out of `running` frees the slot; a job that goes back is taken again.
                    if number == 0 and len(seen) % 11 == 0 and job.retry_count == 0:
                        seen.remove(job.id)
                        await fail(own, job=job, error="boom", delay_s=0)
                    else:
                        await complete(own, worker_id=me, jobs=[job])

    async def watch() -> None:
        nonlocal most
        running = "SELECT count(*), count(DISTINCT limit_slot) FROM job_queue WHERE status = 'running'"
        while len(seen) < 150:
            found = (await connection.fetch(running))[0]
            assert found[0] == found[1]
            most = max(most, found[0])

    async with asyncio.timeout(30):
        await asyncio.gather(watch(), *(work() for _ in range(12)))
    assert len(set(seen)) == 150
    assert most == 3


async def test_a_limited_job_is_left_alone_by_every_other_claim(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    (job,) = await add(database, organization_id, Narrow())
    assert (await row(connection, job))["limit_key"] == "type:TEST_NARROW"
    assert await claim(connection, worker_id=new_id(), limit=10) == []
    assert (await claim_by_tenant(connection, worker_id=new_id(), limit=10, after=UUID(int=0))).jobs == []
    (taken,) = await take(connection)
    assert (taken.id, taken.limit_key, taken.lease, taken.attempt) == (job, "type:TEST_NARROW", 1, 1)
    assert await history(connection, job) == ["enqueued", "started"]


async def test_tenants_have_slots_of_their_own_and_types_can_share_some(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    for tenant in (organization_id, new_id()):
        await add(database, tenant, *(Own(n=n) for n in range(5)))
    await add(database, organization_id, Shared(), SharedToo(), Shared(), SharedToo())
    taken = [job.limit_key for job in await take(connection)]
    assert sorted(taken.count(key) for key in set(taken)) == [2, 2, 2]
    assert await take(connection) == []
    assert default_slots("test-model") == 2
    assert default_slots("tenant:TEST_OWN:x") == 2
    assert default_slots("of-nobody") == 1


async def test_the_same_limits_hold_for_many_jobs_at_once(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    async with database.transaction(organization_id) as session:
        ids = await enqueue_many(session, [Own(), Shared(), Echo()], organization_id=organization_id)
    keys = [(await row(connection, job))["limit_key"] for job in ids]
    assert keys == [f"tenant:TEST_OWN:{organization_id}", "test-model", None]


async def test_a_slot_is_free_however_its_job_ends(database: Database, organization_id: UUID, connection: Link) -> None:
    await add(database, organization_id, *(Narrow(n=n) for n in range(3)))
    first, second, _third = await take(connection)
    await hand_back(connection, worker_id=first.locked_by, jobs=[first], after_s=60)
    await fail(connection, job=second, error="boom", delay_s=60, fatal=True)
    await connection.fetch("UPDATE job_queue SET locked_at = now() - interval '1 h' WHERE status = 'running'")
    await rescue(connection, lease_timeout_s=90, first_wait_s=60)
    assert await connection.fetch("SELECT 1 FROM job_queue WHERE limit_slot IS NOT NULL") == []
    await add(database, organization_id, *(Narrow(n=n) for n in range(4)))
    assert len(await take(connection)) == 3


async def test_a_claimer_that_does_not_take_the_lock_cannot_use_a_slot_twice(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    jobs = await add(database, organization_id, *(Narrow(n=n) for n in range(4)))
    await take(connection)
    steal = "UPDATE job_queue SET status = 'running', locked_by = id, limit_slot = 2 WHERE id = $1"
    left = [job for job in jobs if (await row(connection, job))["status"] == "pending"]
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.fetch(steal, left[0])


async def test_a_key_that_another_worker_is_at_is_not_waited_for(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await add(database, organization_id, Narrow())
    turns = LimitedTurns()
    async with link(settings) as other, other.transaction() as held:
        lock = "SELECT pg_advisory_xact_lock(hashtextextended('atum limit type:TEST_NARROW', 0))"
        await held.fetch(lock)
        async with asyncio.timeout(10):
            keys = await waiting_keys(connection, turns=turns)
            found = await claim_limited(connection, worker_id=new_id(), limit=1, keys=keys, turns=turns)
        assert (found.jobs, found.contended) == ([], True)
    assert len(await take(connection)) == 1


async def test_one_tenants_many_jobs_do_not_keep_anothers_from_the_slots(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await add(database, organization_id, *(Narrow(n=n) for n in range(50)))
    quiet = new_id()
    (single,) = await add(database, quiet, Narrow(n=99))
    turns, taken = LimitedTurns(), list[UUID]()
    for _ in range(3):
        jobs = await take(connection, 1, turns=turns)
        taken += [job.id for job in jobs]
        await complete(connection, worker_id=jobs[0].locked_by, jobs=jobs)
    # The third at the latest: by deadline, one tenant, the next tenant.
    assert single in taken or single in [job.id for job in await take(connection, 1, turns=turns)]


async def test_under_a_key_low_work_does_not_wait_for_ever(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    overdue = datetime.now(UTC) - timedelta(seconds=301)
    await add(database, organization_id, *(Narrow(n=n) for n in range(20)), priority=JobPriority.HIGH)
    (low,) = await add(database, organization_id, Narrow(), priority=JobPriority.LOW, run_after=overdue)
    assert low in {job.id for job in await take(connection, 1)}


async def test_a_paused_or_unserved_type_does_not_hold_up_another_under_the_same_key(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await add(database, organization_id, *(Shared(n=n) for n in range(20)))
    (other,) = await add(database, organization_id, SharedToo())
    assert [job.id for job in await take(connection, room={"TEST_SHARED_TOO": 5})] == [other]
    await connection.fetch("UPDATE job_queue SET status = 'pending', locked_by = NULL, limit_slot = NULL")
    async with database.transaction(organization_id) as session:
        await commands.pause(session, kind="type", name="TEST_SHARED", by="me", reason=None)
    assert [job.id for job in await take(connection)] == [other]


async def test_many_keys_are_looked_at_in_turn_and_none_is_left_out(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    tenants = [new_id() for _ in range(120)]
    for tenant in tenants:
        await add(database, tenant, Own())
    turns = LimitedTurns()
    looked = [len(await waiting_keys(connection, turns=turns)) for _ in range(3)]
    assert looked == [50, 50, 50]
    owners = set()
    for _ in range(5):
        owners |= {job.organization_id for job in await take(connection, turns=turns)}
    assert owners == set(tenants)


async def test_a_delayed_limited_job_is_told_of_and_not_taken(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    assert await waiting_keys(connection, turns=LimitedTurns()) == []
    await add(database, organization_id, Narrow(), run_after=datetime.now(UTC) + timedelta(seconds=30))
    (key,) = await waiting_keys(connection, turns=LimitedTurns())
    assert key.due_s is not None
    assert 25 < key.due_s <= 30
    assert await take(connection) == []


async def test_two_workers_together_keep_to_the_slots_and_get_everything_done(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    handlers, now, most, all_slots_taken = Handlers(), 0, 0, asyncio.Event()

    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == Narrow.slots:
            all_slots_taken.set()
        await all_slots_taken.wait()
        await asyncio.sleep(0.01)
        now -= 1
        return Done()

    handlers.handles(Narrow)(act)

    @handlers.handles(Echo)
    async def plain(_args: Echo, _context: WorkerContext) -> Outcome:
        await asyncio.sleep(0.005)
        return Done()

    async with database.transaction(organization_id) as session:
        jobs = await enqueue_many(session, [Narrow(n=n) for n in range(40)], organization_id=organization_id)
        jobs += await enqueue_many(session, [Echo(n=n) for n in range(800)], organization_id=organization_id)
    async with working(settings, handlers), working(settings, handlers):
        for job in jobs:
            await until(connection, job, "completed", within_s=20)
    assert most == 3


def test_the_product_limits_what_waits_for_its_text_model() -> None:
    assert (SmartReply.limited_by, default_slots("text-model")) == ("text-model", SmartReply.slots)
