"""A job that has crashed twice is left to a claim of its own, which keeps to pauses and limits as the others do."""

from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue.claim import claim, claim_by_tenant
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.last_chance import take, waiting
from helpdesk.queue.limits import LimitedTurns, claim_limited, waiting_keys
from helpdesk.queue.link import Link
from helpdesk.queue.rescue import CRASHES_ALLOWED
from tests.database.queue.jobs import Echo, enqueue_echo, history, known, link, row


class Limited(Echo):
    job_type: ClassVar = "TEST_LIMITED_ECHO"
    limited_by: ClassVar = "type"
    slots: ClassVar = 1


@pytest.fixture(autouse=True)
def _limited_is_known() -> Iterator[None]:
    with known(Limited):
        yield


async def _crashed(connection: Link, job: UUID, *, times: int) -> None:
    await connection.fetch("UPDATE job_queue SET crash_count = $2 WHERE id = $1", job, times)


async def test_only_the_last_try_is_kept_from_the_ordinary_claims(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    jobs = [await enqueue_echo(database, organization_id) for _ in range(CRASHES_ALLOWED)]
    for times, job in enumerate(jobs):
        await _crashed(connection, job, times=times)
    by_tenant = await claim_by_tenant(connection, worker_id=new_id(), limit=1, after=UUID(int=0))
    ordinary = [*by_tenant.jobs, *await claim(connection, worker_id=new_id(), limit=10)]
    assert {job.id for job in ordinary} == set(jobs[:-1])

    last = await waiting(connection)
    assert last is not None
    assert last.id == jobs[-1]
    me = new_id()
    taken = await take(connection, last, worker_id=me)
    assert taken is not None
    assert (taken.id, taken.locked_by, taken.attempt, taken.lease) == (jobs[-1], me, 1, 1)
    assert await take(connection, last, worker_id=new_id()) is None
    assert await waiting(connection) is None
    assert await history(connection, jobs[-1]) == ["enqueued", "started"]


async def test_a_paused_or_unserved_type_is_not_looked_at(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await _crashed(connection, job := await enqueue_echo(database, organization_id), times=2)
    assert await waiting(connection, room={"TRIAGE_TICKET": 1}) is None
    assert await waiting(connection, but=frozenset({job})) is None
    for kind, name in (("type", "TEST_ECHO"), ("queue", "tests")):
        async with database.transaction(None) as session:
            await session.execute(
                text("INSERT INTO job_pauses (kind, name) VALUES (:kind, :name)"), {"kind": kind, "name": name}
            )
        assert await waiting(connection) is None
        async with database.transaction(None) as session:
            await session.execute(text("DELETE FROM job_pauses"))
    assert await waiting(connection) is not None


async def test_a_last_try_takes_a_slot_of_its_limit_or_waits(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    async with database.transaction(organization_id) as session:
        first, second = [await enqueue(session, Limited(), organization_id=organization_id) for _ in range(2)]
    await _crashed(connection, first, times=2)
    turns = LimitedTurns()
    keys = await waiting_keys(connection, turns=turns)
    ordinary = await claim_limited(connection, worker_id=new_id(), limit=5, keys=keys, turns=turns)
    assert [job.id for job in ordinary.jobs] == [second]

    last = await waiting(connection)
    assert last is not None
    assert (last.id, last.limit_key) == (first, "type:TEST_LIMITED_ECHO")
    assert await take(connection, last, worker_id=new_id()) is None
    async with database.transaction(None) as session:
        await session.execute(
            text("INSERT INTO job_limits (limit_key, slots) VALUES (:key, 2)"), {"key": last.limit_key}
        )
    taken = await take(connection, last, worker_id=new_id())
    assert taken is not None
    assert {(await row(connection, job))["limit_slot"] for job in (first, second)} == {1, 2}


async def test_a_key_that_another_worker_claims_under_is_left_alone_for_now(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    async with database.transaction(organization_id) as session:
        job = await enqueue(session, Limited(), organization_id=organization_id)
    await _crashed(connection, job, times=2)
    last = await waiting(connection)
    assert last is not None
    async with link(database.settings) as other, other.transaction() as transaction:
        await transaction.fetch(
            "SELECT pg_advisory_xact_lock(hashtextextended('atum limit ' || $1, 0))", last.limit_key
        )
        assert await take(connection, last, worker_id=new_id()) is None
    assert await take(connection, last, worker_id=new_id()) is not None
