"""Live streams over HTTP: in order, without gaps, and only what is one's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.events.record import record
from helpdesk.models.notifications import Notification
from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount
from tests.journeys.streams import EVENTS, NOTIFICATIONS, follow

Connect = Callable[[str | None], httpx.AsyncClient]
Add = Callable[[AsyncSession, str], Awaitable[None]]
TICKET = {"subject": "Screen stays black", "body": "Since the update."}


async def tell(session: AsyncSession, account: Account, title: str) -> UUID:
    told = new_id()
    session.add(
        Notification(
            id=told,
            organization_id=account.organization_id,
            user_id=account.user_id,
            kind="sla.breach",
            title=title,
            dedupe_key=str(told),
        )
    )
    await session.flush()
    return told


async def told(database: Database, account: Account, title: str) -> UUID:
    async with database.transaction(account.organization_id) as session:
        return await tell(session, account, title)


def title_in(event: dict[str, Any]) -> str:
    return str(event["data"].get("title") or event["data"]["data"]["title"])


@pytest.fixture(params=[EVENTS, NOTIFICATIONS])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def add(path: str, client: httpx.AsyncClient, account: Account) -> Add:
    """Add something with a title to the stream."""
    if path == NOTIFICATIONS:

        async def add_notification(session: AsyncSession, title: str) -> None:
            await tell(session, account, title)

        return add_notification
    ticket = UUID((await client.post("/api/v1/tickets", json=TICKET)).json()["id"])

    async def add_event(session: AsyncSession, title: str) -> None:
        await record(
            session,
            organization_id=account.organization_id,
            ticket_id=ticket,
            kind="test.happened",
            now=datetime.now(UTC),
            data={"title": title},
        )

    return add_event


async def test_what_commits_late_is_neither_skipped_nor_told_twice(
    client: httpx.AsyncClient, database: Database, account: Account, path: str, add: Add
) -> None:
    async def added(*titles: str) -> None:
        for title in titles:
            async with database.transaction(account.organization_id) as session:
                await add(session, title)

    async with follow(client, path) as steady:
        position = (await steady.next())["id"]
        async with database.transaction(account.organization_id) as slow:
            await add(slow, "first")
            await added("second", "third")
            async with follow(client, path, after=position) as brief:
                assert await steady.is_silent_for(1.5)
                assert await brief.is_silent_for(0.2)
        live = [await steady.next_told() for _ in range(3)]
        await added("fourth")
        live.append(await steady.next_told())
    titles = ["first", "second", "third", "fourth"]
    assert [title_in(event) for event in live] == titles
    for seen, after in enumerate((position, *(event["id"] for event in live))):
        async with follow(client, path, after=after) as back:
            assert [title_in(await back.next_told()) for _ in titles[seen:]] == titles[seen:]
            assert await back.is_silent_for(0.2)


async def test_a_position_of_another_server_is_answered_with_a_fresh_start(
    client: httpx.AsyncClient, database: Database, account: Account, path: str, add: Add
) -> None:
    async with follow(client, path, after="9000000000000000000-7") as stream:
        reset = await stream.next()
        async with database.transaction(account.organization_id) as session:
            await add(session, "afterwards")
        assert title_in(await stream.next_told()) == "afterwards"
    assert (reset["event"], reset["data"]["reason"]) == ("reset", "cursor_ahead")
    async with follow(client, path, after=reset["id"]) as stream:
        assert title_in(await stream.next_told()) == "afterwards"


@pytest.mark.parametrize("position", ["yesterday", "9" * 30 + "-1", "1-" + "9" * 30])
async def test_a_position_that_is_none_is_refused(client: httpx.AsyncClient, path: str, position: str) -> None:
    answer = await client.get(path, headers={"Last-Event-ID": position})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-cursor")


async def test_a_user_hears_of_their_own_notifications_and_of_what_they_read_elsewhere(
    client: httpx.AsyncClient, connect: Connect, database: Database, account: Account, make_account: MakeAccount
) -> None:
    colleague, stranger = await make_account(UserRole.AGENT, organization=account), await make_account()
    async with follow(client, NOTIFICATIONS) as stream:
        await stream.next()
        for other in (colleague, stranger):
            await told(database, other, "not yours")
        first = await told(database, account, "yours")
        new, unread = await stream.next(), await stream.next()
        second = await told(database, account, "yours as well")
        await stream.next_told()
        await client.post(f"/api/v1/notifications/{first}/read")
        read = await stream.next_told()
        after_one = await stream.next()
        # Read already: nothing changes, and nothing is told.
        await client.post(f"/api/v1/notifications/{first}/read")
        await client.post("/api/v1/notifications/read-all")
        last, after_all = await stream.next(), await stream.next()
        assert await stream.is_silent_for(1.2)
        assert (await connect(stranger.token).post(f"/api/v1/notifications/{first}/read")).status_code == 404
    assert (new["event"], new["data"]["id"], new["data"]["title"]) == ("notification", str(first), "yours")
    assert (unread["event"], unread["data"]["unread"], unread["id"]) == ("unread", 1, new["id"])
    assert (read["event"], read["data"]["id"]) == ("notification.read", str(first))
    assert read["data"]["read_at"] is not None
    assert (last["event"], last["data"]["id"]) == ("notification.read", str(second))
    assert [event["data"]["unread"] for event in (after_one, after_all)] == [1, 0]
    async with follow(client, NOTIFICATIONS, after=new["id"]) as stream:
        caught_up = [await stream.next_told() for _ in range(2)]
        assert await stream.is_silent_for(0.2)
    assert [event["event"] for event in caught_up] == 2 * ["notification.read"]


async def test_a_stream_is_for_who_is_signed_in(connect: Connect, path: str) -> None:
    assert (await connect(None).get(path)).status_code == 401
