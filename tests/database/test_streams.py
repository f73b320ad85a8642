"""How streams wait: below the oldest open transaction, saying so, and beyond a restore."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from api.event_watch import EventWatch
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.events.stream import SETTLE, START, STREAMED_TABLES, Cursor, is_ahead
from helpdesk.models.accounts import Organization, User
from helpdesk.models.notifications import Notification
from helpdesk.notifications.stream import MOVED, newest_notifications, position_of, read_notifications


@pytest.fixture
async def user_id(database: Database, organization_id: UUID) -> UUID:
    identifier = new_id()
    async with database.transaction(organization_id) as session:
        session.add(User(id=identifier, organization_id=organization_id, email="ada@desk.example", name="Ada"))
    return identifier


async def tell(database: Database, organization_id: UUID, user_id: UUID) -> Cursor:
    told = Notification(
        id=new_id(),
        organization_id=organization_id,
        user_id=user_id,
        kind="sla.breach",
        title="Overdue",
        dedupe_key=str(new_id()),
    )
    async with database.transaction(organization_id) as session:
        session.add(told)
        await session.flush()
        await session.refresh(told)
        return position_of(told)


@asynccontextmanager
async def writing_elsewhere(database: Database) -> AsyncIterator[None]:
    """Hold a transaction open that has written something of quite another organisation."""
    other = new_id()
    async with database.transaction(other) as session:
        session.add(Organization(id=other, slug=f"org-{other.hex[-8:]}", name="Other"))
        await session.flush()
        yield


async def test_a_transaction_elsewhere_holds_a_stream_back_which_says_so_and_catches_up(
    database: Database, organization_id: UUID, user_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.event_watch._TOLD_AFTER_S", 0.3)
    async with EventWatch(database) as watch:
        waiting = asyncio.create_task(watch.wait_beyond(organization_id, START, subject=user_id))
        async with writing_elsewhere(database):
            await tell(database, organization_id, user_id)
            watch.nudge()
            async with asyncio.timeout(5):
                while (held := watch.held_back_s(organization_id, subject=user_id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert held >= 0.3
            assert not waiting.done()
        async with asyncio.timeout(5):
            await waiting
        assert watch.held_back_s(organization_id, subject=user_id) is None


async def test_who_only_reads_holds_no_stream_back(database: Database, organization_id: UUID, user_id: UUID) -> None:
    async with database.snapshot(organization_id) as reading:
        await reading.execute(text("SELECT count(*) FROM users"))
        position = await tell(database, organization_id, user_id)
        async with database.transaction(organization_id) as session:
            newest = await newest_notifications(session, organization_id=organization_id, user_ids=[user_id])
    assert (newest[user_id].cursor, newest[user_id].held_back) == (position, False)


async def test_however_many_streams_are_open_there_is_one_look_for_an_organisation(
    database: Database, organization_id: UUID, user_id: UUID
) -> None:
    statements: list[str] = []
    async with EventWatch(database) as watch:
        subjects = [None, user_id, *(new_id() for _ in range(20))]
        waiting = [
            asyncio.create_task(watch.wait_beyond(organization_id, Cursor(2**40, 0), subject=subject))
            for subject in subjects * 3
        ]
        await asyncio.sleep(0)
        sqlalchemy_event.listen(
            database.engine.sync_engine, "before_cursor_execute", lambda *context: statements.append(context[2])
        )
        await asyncio.sleep(2.3)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        seen = len([statement for statement in statements if "ticket_events" in statement])
        # One for the tickets' events and one for all users, each second.
        assert 1 <= seen <= 3
        assert len([statement for statement in statements if "FROM notifications" in statement]) == seen
        statements.clear()
        await asyncio.sleep(1.2)
        assert statements == []


async def test_a_notification_that_changes_moves_to_the_end(
    database: Database, organization_id: UUID, user_id: UUID
) -> None:
    first, second = [await tell(database, organization_id, user_id) for _ in range(2)]
    async with database.transaction(organization_id) as session:
        update = text(f"UPDATE notifications SET title = 'Later', {moved()} WHERE seq = :seq")
        await session.execute(update, {"seq": first.seq})
    async with database.transaction(organization_id) as session:
        found = await read_notifications(session, organization_id=organization_id, user_id=user_id, after=START)
        assert [each.title for each in found] == ["Overdue", "Later"]
        assert position_of(found[0]) == second
        assert position_of(found[1]) > second
        rest = await read_notifications(session, organization_id=organization_id, user_id=user_id, after=second)
        assert [each.title for each in rest] == ["Later"]
        limited = await read_notifications(
            session, organization_id=organization_id, user_id=user_id, after=START, limit=1
        )
        assert [position_of(each) for each in limited] == [second]


def moved() -> str:
    return ", ".join(f"{column} = {value}" for column, value in MOVED.items())


async def test_rows_of_another_server_come_before_all_that_is_new(
    database: Database, organization_id: UUID, user_id: UUID
) -> None:
    await tell(database, organization_id, user_id)
    async with database.transaction(organization_id, role="atum_owner") as session:
        await session.execute(text("UPDATE notifications SET transaction_id = 10 ^ 12"))
    for _ in range(2):
        async with database.transaction(None, role="atum_owner") as session:
            for table in STREAMED_TABLES:
                await session.execute(text(SETTLE.format(table=table)))
    position = await tell(database, organization_id, user_id)
    async with database.transaction(organization_id) as session:
        found = await read_notifications(session, organization_id=organization_id, user_id=user_id, after=START)
        assert await is_ahead(session, Cursor(10**12, 1))
        assert not await is_ahead(session, position)
    assert [position_of(each) for each in found] == [Cursor(0, found[0].seq), position]
