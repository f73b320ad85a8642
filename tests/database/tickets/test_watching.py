import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from helpdesk.tickets.commands import note
from helpdesk.tickets.rows import lock_ticket
from helpdesk.tickets.watching import WatcherNotFound, unwatch, watch, watchers_of
from tests.database.desk import NOW
from tests.database.lock_waits import until_waiting
from tests.database.tickets.escalating import Scene, scene_of


@pytest.fixture
async def scene(database: Database, organization_id: UUID, settings: Settings) -> Scene:
    return await scene_of(database, organization_id, settings)


async def names(scene: Scene) -> list[str]:
    about: dict[str, Any] = {"organization_id": scene.organization_id, "ticket_id": scene.ticket_id}
    async with scene.database.transaction(scene.organization_id) as session:
        return sorted(watcher.name for watcher in await watchers_of(session, **about))


async def test_a_watcher_comes_once_and_goes(scene: Scene) -> None:
    grace = await scene.user("grace")
    about: dict[str, Any] = {"organization_id": scene.organization_id, "ticket_id": scene.ticket_id, "user_id": grace}
    async with scene.database.transaction(scene.organization_id) as session:
        await watch(session, **about)
        await watch(session, **about)
    assert await names(scene) == ["Grace"]
    async with scene.database.transaction(scene.organization_id) as session:
        await unwatch(session, **about)
        await unwatch(session, **about)
    assert await names(scene) == []


async def test_whoever_is_not_active_cannot_watch(scene: Scene) -> None:
    grace = await scene.user("grace")
    async with scene.database.transaction(scene.organization_id) as session:
        await session.execute(text("UPDATE users SET active = false WHERE id = :id"), {"id": grace})
        with pytest.raises(WatcherNotFound):
            await watch(session, organization_id=scene.organization_id, ticket_id=scene.ticket_id, user_id=grace)


async def test_a_note_that_mentions_colleagues_has_them_watch_and_be_told(scene: Scene) -> None:
    grace = await scene.user("grace")
    await scene.user("bo")
    async with scene.database.transaction(scene.organization_id) as session:
        message = await note(
            session,
            organization_id=scene.organization_id,
            ticket_id=scene.ticket_id,
            body="@Grace@desk.example please look, @nobody@desk.example and bo@desk.example need not.",
            actor=scene.agent,
            now=NOW,
        )
    assert await names(scene) == ["Grace"]
    (notice,) = [job for job in await scene.jobs("DELIVER_NOTIFICATION") if job["kind"] == "ticket.mentioned"]
    assert (notice["user_ids"], notice["dedupe_key"]) == ([str(grace)], str(message.id))


async def test_whoever_mentions_only_themselves_is_not_told(scene: Scene) -> None:
    async with scene.database.transaction(scene.organization_id) as session:
        await note(
            session,
            organization_id=scene.organization_id,
            ticket_id=scene.ticket_id,
            body="@agent@desk.example, remember.",
            actor=scene.agent,
            now=NOW,
        )
    assert await names(scene) == ["Ada Agent"]
    assert [job for job in await scene.jobs("DELIVER_NOTIFICATION") if job["kind"] == "ticket.mentioned"] == []


async def test_who_watches_while_a_note_mentions_them_waits_for_the_note(scene: Scene) -> None:
    grace = await scene.user("grace")
    about: dict[str, Any] = {"organization_id": scene.organization_id, "ticket_id": scene.ticket_id}

    async def press_watch() -> None:
        async with scene.database.transaction(scene.organization_id) as session:
            await watch(session, user_id=grace, **about)

    async with scene.database.transaction(scene.organization_id) as session:
        await lock_ticket(session, **about)
        pressing = asyncio.create_task(press_watch())
        await until_waiting(scene.database)
        await note(session, body="@grace@desk.example please look.", actor=scene.agent, now=NOW, **about)
    await pressing
    assert await names(scene) == ["Grace"]
