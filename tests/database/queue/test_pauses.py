"""A paused type or queue is left alone from the next claim on."""

import asyncio
from typing import ClassVar
from uuid import UUID

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue import commands, queries
from helpdesk.queue.claim import claim, claim_by_tenant, seconds_until_due
from helpdesk.queue.link import Link
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, known, row, until, working


class Other(Echo):
    job_type: ClassVar = "TEST_OTHER"
    queue: ClassVar = "other tests"


async def _pause(database: Database, organization_id: UUID, kind: str, name: str, reason: str | None = None) -> None:
    async with database.transaction(organization_id) as session:
        await commands.pause(session, kind=kind, name=name, by="ada@example.org", reason=reason)  # type: ignore[arg-type]


async def _resume(database: Database, organization_id: UUID, kind: str, name: str) -> bool:
    async with database.transaction(organization_id) as session:
        return await commands.resume(session, kind=kind, name=name)  # type: ignore[arg-type]


async def test_a_paused_type_or_queue_is_taken_again_once_it_is_resumed(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    for kind, name in (("type", "TEST_ECHO"), ("queue", "tests")):
        await _pause(database, organization_id, kind, name)
        assert await claim(connection, worker_id=new_id(), limit=10) == []
        assert (await claim_by_tenant(connection, worker_id=new_id(), limit=10, after=UUID(int=0))).jobs == []
        assert await seconds_until_due(connection) is None
        assert await _resume(database, organization_id, kind, name)
        assert not await _resume(database, organization_id, kind, name)
    assert [taken.id for taken in await claim(connection, worker_id=new_id(), limit=10)] == [job]


async def test_pausing_one_leaves_the_others_alone(database: Database, organization_id: UUID, connection: Link) -> None:
    with known(Other):
        job = await enqueue_echo(database, organization_id)
        for kind, name in (("type", "TEST_OTHER"), ("queue", "other tests"), ("type", "tests"), ("queue", "TEST_ECHO")):
            await _pause(database, organization_id, kind, name)
        assert [taken.id for taken in await claim(connection, worker_id=new_id(), limit=10)] == [job]


async def test_pauses_are_listed_with_who_and_why_and_since_when(database: Database, organization_id: UUID) -> None:
    await _pause(database, organization_id, "type", "TEST_ECHO", "a bad model")
    async with database.transaction(organization_id) as session:
        (first,) = await queries.list_pauses(session)
    await _pause(database, organization_id, "type", "TEST_ECHO", "a very bad model")
    async with database.transaction(organization_id) as session:
        (again,) = await queries.list_pauses(session)
    assert (again.kind, again.name, again.paused_by) == ("type", "TEST_ECHO", "ada@example.org")
    assert (first.reason, again.reason) == ("a bad model", "a very bad model")
    assert again.paused_at == first.paused_at


async def test_a_worker_is_woken_by_the_end_of_a_pause(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    await _pause(database, organization_id, "queue", "tests")
    patient = settings.model_copy(update={"poll_interval": 30.0})
    async with working(patient, behaviour.handlers) as (runner, _), WakeUp(settings):
        job = await enqueue_echo(database, organization_id)
        other = await enqueue_echo(database, organization_id)
        await asyncio.sleep(0.5)
        assert {(await row(connection, each))["status"] for each in (job, other)} == {"pending"}
        # What is due and cannot be taken does not have it look again and again.
        assert len(runner.counters._claims) < 10
        await _resume(database, organization_id, "queue", "tests")
        await until(connection, job, "completed", within_s=15)
