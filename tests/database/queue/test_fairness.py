"""No tenant's jobs wait for another's many, and no priority waits for ever, within and across tenants."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue.claim import JobInHand, claim, claim_by_tenant
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Done, Outcome
from helpdesk.queue.settle import complete
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, known, link, working
from tests.waiting import eventually
from workers.context import WorkerContext

_NOBODY = UUID(int=0)
# Rows as a tenant's flood leaves them, without the time it takes to enqueue them.
_FLOOD = """
    INSERT INTO job_queue (id, organization_id, job_type, priority, run_after)
    SELECT gen_random_uuid(), $1, $2, $3, now() - interval '1 h' + n * interval '1 ms'
      FROM generate_series(1, $4::int) AS n
"""


class Other(Echo):
    """A second type."""

    job_type: ClassVar = "TEST_OTHER"


class _Turns:
    """Claims as a worker with a backlog does: by deadline and by tenant in turn."""

    def __init__(self, connection: Link, limit: int, room: dict[str, int] | None = None) -> None:
        self.connection, self.limit, self.room, self.after, self.number = connection, limit, room, _NOBODY, 0

    async def take(self) -> list[JobInHand]:
        self.number += 1
        me = new_id()
        if self.number % 2:
            jobs = await claim(self.connection, worker_id=me, limit=self.limit, room=self.room)
        else:
            found = await claim_by_tenant(
                self.connection, worker_id=me, limit=self.limit, after=self.after, room=self.room
            )
            jobs, self.after = found.jobs, found.after
        assert len(jobs) <= self.limit
        await complete(self.connection, worker_id=me, jobs=jobs)
        return jobs


async def _flood(
    connection: Link, organization_id: UUID, count: int, *, priority: str = "normal", job_type: str = "TEST_ECHO"
) -> None:
    await connection.fetch(_FLOOD, organization_id, job_type, priority, count)


@pytest.mark.parametrize("limit", [1, 10, 100])
async def test_a_single_job_waits_for_at_most_one_batch_of_another_tenants_hundred_thousand(
    database: Database, organization_id: UUID, connection: Link, limit: int
) -> None:
    await _flood(connection, new_id(), 100_000)
    turns = _Turns(connection, limit)
    await turns.take()
    await turns.take()
    single = await enqueue_echo(database, organization_id)
    before = 0
    for _ in range(4):
        jobs = await turns.take()
        if single in [job.id for job in jobs]:
            break
        before += len(jobs)
    # With one slot the other tenant's turn may come first once more.
    assert before <= max(limit, 3)


async def test_every_tenant_gets_its_share_of_a_claim_by_tenant(connection: Link) -> None:
    tenants = sorted(new_id() for _ in range(5))
    for number, tenant in enumerate(tenants):
        await _flood(connection, tenant, 2 if number == 0 else 1000)
    found = await claim_by_tenant(connection, worker_id=new_id(), limit=22, after=tenants[2])
    shares = Counter(job.organization_id for job in found.jobs)
    assert [shares[tenant] for tenant in tenants] == [2, 5, 5, 5, 5]
    # One of each before anybody's second.
    assert len({job.organization_id for job in found.jobs[:5]}) == 5


async def test_more_tenants_than_jobs_asked_for_take_turns(connection: Link) -> None:
    tenants = [new_id() for _ in range(23)]
    for tenant in tenants:
        await _flood(connection, tenant, 10)
    after, served = _NOBODY, Counter[UUID]()
    for _ in range(23):
        found = await claim_by_tenant(connection, worker_id=new_id(), limit=5, after=after)
        after = found.after
        assert len({job.organization_id for job in found.jobs}) == 5
        served.update(job.organization_id for job in found.jobs)
    assert set(served.values()) == {5}


async def test_a_tenant_whose_type_had_no_room_is_first_the_next_time(connection: Link) -> None:
    with known(Other):
        tenants = sorted(new_id() for _ in range(4))
        for tenant in tenants:
            await _flood(connection, tenant, 10)
            await _flood(connection, tenant, 1, job_type="TEST_OTHER")
        after, order = _NOBODY, list[UUID]()
        for _ in range(8):
            found = await claim_by_tenant(connection, worker_id=new_id(), limit=10, after=after, room={"TEST_ECHO": 1})
            after = found.after
            order += [job.organization_id for job in found.jobs]
    assert order == tenants * 2


async def test_the_oldest_deadlines_are_honoured_in_every_second_claim_whosever_they_are(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    for _ in range(40):
        await _flood(connection, new_id(), 50, priority="high")
    await connection.fetch("UPDATE job_queue SET run_after = now()")
    now = datetime.now(UTC)
    low = await enqueue_echo(
        database, organization_id, priority=JobPriority.LOW, run_after=now - timedelta(seconds=301)
    )
    normal = await enqueue_echo(database, organization_id, run_after=now - timedelta(seconds=61))
    # Many newer urgent jobs of the same tenant do not keep them waiting, either.
    async with database.transaction(organization_id) as session:
        newer = [Echo(n=n) for n in range(500)]
        await enqueue_many(session, newer, organization_id=organization_id, priority=JobPriority.HIGH)
    turns = _Turns(connection, 10)
    taken = [job.id for job in await turns.take()] + [job.id for job in await turns.take()]
    assert {low, normal} <= set(taken[:10])


async def test_within_a_claim_by_tenant_a_tenants_own_low_work_does_not_wait_for_ever(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await _flood(connection, organization_id, 200, priority="high")
    await connection.fetch("UPDATE job_queue SET run_after = now()")
    overdue = datetime.now(UTC) - timedelta(seconds=301)
    low = await enqueue_echo(database, organization_id, priority=JobPriority.LOW, run_after=overdue)
    await _flood(connection, new_id(), 200)
    found = await claim_by_tenant(connection, worker_id=new_id(), limit=4, after=_NOBODY)
    assert low in [job.id for job in found.jobs]


async def test_a_worker_with_one_slot_goes_round_the_tenants(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    started = list[UUID]()

    async def act(_args: Echo, context: WorkerContext) -> Outcome:
        started.append(context.organization_id)
        await asyncio.sleep(0.03)
        return Done()

    behaviour.act = act
    await _flood(connection, new_id(), 2000)
    async with working(settings, behaviour.handlers, capacity=1):
        await eventually(lambda: len(started) >= 5, every_s=0.01)
        seen = len(started)
        await enqueue_echo(database, organization_id)
        await eventually(lambda: organization_id in started, every_s=0.01)
    # What had been claimed ahead, and then a round.
    assert started.index(organization_id) - seen < 25


async def test_eight_claimers_in_turn_take_each_job_once(settings: Settings, connection: Link) -> None:
    tenants = [new_id() for _ in range(12)]
    for tenant in tenants:
        for priority in JobPriority:
            await _flood(connection, tenant, 30, priority=priority)
    seen = Counter[UUID]()

    async def work() -> None:
        async with link(settings) as own:
            turns, empty = _Turns(own, 7), 0
            while empty < 4:
                jobs = await turns.take()
                empty = 0 if jobs else empty + 1
                seen.update(job.id for job in jobs)

    await asyncio.gather(*(work() for _ in range(8)))
    assert len(seen) == 12 * 90
    assert set(seen.values()) == {1}
