"""Following the history of jobs: nothing is lost, and nothing is shown twice."""

from __future__ import annotations

from uuid import UUID, uuid4

from helpdesk.database.engine import Database
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.queue.tail import Tail, TailedEvent
from tests.database.queue.jobs import Echo, claim_one, enqueue_echo


async def begin(database: Database, organization_id: UUID | None, *, back: int = 0) -> Tail:
    tail = Tail(organization_id)
    async with database.transaction(organization_id, role="atum_app" if organization_id else "atum_worker") as session:
        await tail.begin(session, back=back)
    return tail


async def look(database: Database, tail: Tail, organization_id: UUID | None, *, limit: int = 1000) -> list[TailedEvent]:
    async with database.transaction(organization_id, role="atum_app" if organization_id else "atum_worker") as session:
        return await tail.look(session, limit=limit)


async def test_events_are_shown_once_as_they_happen(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await enqueue_echo(database, organization_id)
    tail = await begin(database, organization_id)
    assert await look(database, tail, organization_id) == []
    job = await enqueue_echo(database, organization_id)
    await enqueue_echo(database, uuid4())
    [event] = await look(database, tail, organization_id)
    assert (event.job_id, event.event, event.job_type) == (job, "enqueued", "TEST_ECHO")
    await claim_one(connection)
    assert [event.event for event in await look(database, tail, organization_id)] == ["started"]
    assert await look(database, tail, organization_id) == []


async def test_an_event_that_commits_behind_newer_ones_is_shown(database: Database, organization_id: UUID) -> None:
    async with database.transaction(organization_id) as before:
        earliest = await enqueue(before, Echo(), organization_id=organization_id)
        await enqueue_echo(database, organization_id)
        tail = await begin(database, organization_id)
        async with database.transaction(organization_id) as slow:
            late = await enqueue(slow, Echo(), organization_id=organization_id)
            for _ in range(3):
                newer = await enqueue_echo(database, organization_id)
                assert [event.job_id for event in await look(database, tail, organization_id)] == [newer]
        assert [event.job_id for event in await look(database, tail, organization_id)] == [late]
    assert [event.job_id for event in await look(database, tail, organization_id)] == [earliest]
    assert await look(database, tail, organization_id) == []


async def test_following_begins_with_the_latest_events(database: Database, organization_id: UUID) -> None:
    made = []
    for _ in range(4):
        made.append(await enqueue_echo(database, organization_id))
        await enqueue_echo(database, uuid4())
    tail = await begin(database, organization_id, back=3)
    first = await look(database, tail, organization_id, limit=2)
    second = await look(database, tail, organization_id, limit=2)
    assert [event.job_id for event in first + second] == made[1:]
    everybody = await begin(database, None, back=100)
    assert len(await look(database, everybody, None)) == 8


async def test_following_an_empty_history_begins_with_the_first_event(
    database: Database, organization_id: UUID
) -> None:
    tail = await begin(database, organization_id, back=10)
    job = await enqueue_echo(database, organization_id)
    assert [event.job_id for event in await look(database, tail, organization_id)] == [job]
