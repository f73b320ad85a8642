"""Open tickets come under the promises in force, whatever happens to the walk over them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import workers.handlers  # noqa: F401 (registers them)
from helpdesk.accounts.commands import create_organization
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import TicketStatus
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from helpdesk.sla.policies import commands, retargeting
from helpdesk.sla.policies.commands import NewPolicy
from helpdesk.sla.policies.retargeting import ask_to_retarget
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from helpdesk.tickets.rows import lock_ticket
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.queue.jobs import link, row, until, working
from tests.database.sla.changing_desk import Desk
from workers.registry import handlers

FAST = {"normal": {"first_response": 10_000, "resolution": 20_000}}


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection


@pytest.fixture
def desk(database: Database, organization_id: UUID, settings: Settings, agent: Actor) -> Desk:
    return Desk(database, organization_id, settings, agent)


@asynccontextmanager
async def walking(settings: Settings) -> AsyncIterator[None]:
    async with working(settings, handlers, types=["RETARGET_CLOCKS"]):
        yield


async def walked(desk: Desk, connection: Link) -> dict[str, Any]:
    """Run the one walk that waits, and return its row."""
    (job,) = await desk.walks()
    async with walking(desk.settings):
        return await until(connection, job, "completed", within_s=60)


def held_back(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Let walks begin, which sets the first event, but not go on before the second is set."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    walk = retargeting.Retargeting._walk

    async def held(self: Any, place: Any) -> Any:
        begun.set()
        await go_on.wait()
        return await walk(self, place)

    monkeypatch.setattr(retargeting.Retargeting, "_walk", held)
    return begun, go_on


async def test_a_new_version_reaches_the_open_tickets_and_no_others(desk: Desk, connection: Link) -> None:
    open_one, solved, elsewhere = await desk.open(), await desk.open(), await desk.open(category="security")
    await desk.solve(solved)
    before = await desk.clocks(solved)
    await desk.change("standard", targets=FAST)
    done = await walked(desk, connection)
    assert done["result"] == '{"moved": 1, "failed": [], "looked_at": 2}'
    assert {metric: clock.target_s for metric, clock in (await desk.clocks(open_one)).items()} == {
        "first_response": 600_000,
        "resolution": 1_200_000,
    }
    assert await desk.clocks(solved) == before
    assert await desk.moves() == {open_one.id: 1}
    assert (await desk.clocks(elsewhere))["first_response"].target_s == 900


async def test_a_ticket_that_is_opened_again_comes_under_what_is_promised_by_then(desk: Desk, connection: Link) -> None:
    ticket = await desk.open()
    await desk.solve(ticket)
    await desk.change("standard", targets=FAST)
    await walked(desk, connection)
    await desk.solve(ticket, TicketStatus.OPEN)
    clock = (await desk.clocks(ticket))["resolution"]
    assert (clock.state, clock.target_s) == ("running", 1_200_000)


async def test_hundreds_of_tickets_are_moved_by_one_walk_for_many_changes(desk: Desk, connection: Link) -> None:
    for _ in range(300):
        await desk.open()
    for minutes in (9_000, 9_500, 10_000):
        await desk.change("standard", targets={"normal": {"first_response": minutes}})
    done = await walked(desk, connection)
    moves = await desk.moves()
    assert done["result"] == '{"moved": 300, "failed": [], "looked_at": 300}'
    assert (len(moves), set(moves.values())) == (300, {1})
    async with desk.transaction() as session:
        states = text("SELECT target_s, state, count(*) FROM sla_clocks GROUP BY 1, 2 ORDER BY 1")
        clocks = [tuple(row) for row in await session.execute(states)]
    # The promise of a resolution is gone with the new version.
    assert clocks == [(57_600, "cancelled", 300), (600_000, "running", 300)]


async def test_a_change_while_a_walk_runs_gets_a_walk_of_its_own(
    desk: Desk, connection: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await desk.open()
    begun, go_on = held_back(monkeypatch)
    await desk.change("standard", targets=FAST)
    (first,) = await desk.walks()
    async with walking(desk.settings):
        await asyncio.wait_for(begun.wait(), 20)
        await desk.change("standard", targets={"normal": {"first_response": 7_000}})
        await desk.change("standard", targets={"normal": {"first_response": 8_000}})
        (second,) = await desk.walks()
        go_on.set()
        await until(connection, first, "completed", within_s=20)
        await until(connection, second, "completed", within_s=20)
    assert (await desk.clocks(ticket))["first_response"].target_s == 480_000
    assert await desk.walks() == []


async def test_a_change_that_is_not_committed_yet_is_waited_for_by_the_walk_that_stands_for_it(
    desk: Desk, connection: Link
) -> None:
    async with desk.transaction() as session:
        await ask_to_retarget(session, organization_id=desk.organization_id)
    (waiting,) = await desk.walks()
    async with walking(desk.settings):
        async with desk.transaction() as session:
            asked = await ask_to_retarget(session, organization_id=desk.organization_id)
            await asyncio.sleep(0.5)
            status = (await row(connection, waiting))["status"]
        await until(connection, waiting, "completed", within_s=20)
    # Either it had not begun and stands for the change, or it was through and there is another one.
    assert (asked == waiting) is (status != "completed")


async def test_a_ticket_opened_under_the_old_promise_while_the_change_commits_is_moved(
    desk: Desk, connection: Link
) -> None:
    async with desk.transaction() as opening:
        ticket = await open_ticket(
            opening,
            organization_id=desk.organization_id,
            new=vpn_ticket(),
            actor=desk.agent,
            now=datetime.now(UTC),
            settings=desk.settings,
        )
        await desk.change("standard", targets=FAST)
        (job,) = await desk.walks()
        async with walking(desk.settings):
            await asyncio.sleep(1.5)
            assert (await row(connection, job))["status"] == "pending"
            await opening.commit()
            await until(connection, job, "completed", within_s=20)
    assert (await desk.clocks(ticket))["first_response"].target_s == 600_000


async def test_tickets_come_under_a_policy_when_its_validity_begins_and_leave_it_when_that_ends(
    desk: Desk, connection: Link
) -> None:
    ticket = await desk.open()
    now = datetime.now(UTC)
    definition = {
        "calendar": "always",
        "targets": {"normal": {"first_response": 5}},
        "conditions": {"all": [{"field": "priority", "op": "is", "value": "normal"}]},
        "valid_from": now + timedelta(seconds=3),
        "valid_until": now + timedelta(seconds=6),
    }
    async with desk.transaction() as session:
        new = NewPolicy("campaign", definition)
        await commands.introduce_policy(session, organization_id=desk.organization_id, new=new, by=None, now=now)
    at_once, begin, end = await desk.walks()
    async with walking(desk.settings):
        for job, target_s in ((at_once, 14_400), (begin, 300), (end, 14_400)):
            await until(connection, job, "completed", within_s=20)
            assert (await desk.clocks(ticket))["first_response"].target_s == target_s


async def test_a_new_version_that_leaves_the_level_alone_tells_nothing_again(desk: Desk, connection: Link) -> None:
    await desk.change("standard", calendar="always", targets={"normal": {"first_response": 60}})
    now = datetime.now(UTC)
    async with desk.transaction() as session:
        ticket = await open_ticket(
            session,
            organization_id=desk.organization_id,
            new=vpn_ticket(),
            actor=desk.agent,
            now=now - timedelta(minutes=50),
            settings=desk.settings,
        )
        await set_fields(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket.id,
            changes={"tags": ["vpn"]},
            actor=desk.agent,
            now=now,
        )
    told = text("SELECT count(*) FROM sla_events WHERE kind = 'threshold'")
    async with desk.transaction() as session:
        assert await session.scalar(told) == 1
    await desk.change("standard", actions={"90": []})
    await walked(desk, connection)
    assert (await desk.moves())[ticket.id] == 1
    async with desk.transaction() as session:
        assert await session.scalar(told) == 1


async def test_a_ticket_that_a_command_holds_is_waited_for_while_others_move(
    desk: Desk, connection: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, other = await desk.open(), await desk.open()
    await desk.change("standard", targets=FAST)
    (job,) = await desk.walks()
    begun, go_on = held_back(monkeypatch)
    async with walking(desk.settings):
        await asyncio.wait_for(begun.wait(), 20)
        async with desk.transaction() as session:
            await lock_ticket(session, organization_id=desk.organization_id, ticket_id=held.id)
            go_on.set()
            async with asyncio.timeout(20):
                while other.id not in await desk.moves():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert held.id not in await desk.moves()
        done = await until(connection, job, "completed", within_s=20)
    assert done["result"] == '{"moved": 2, "failed": [], "looked_at": 2}'


async def test_a_ticket_that_cannot_be_computed_does_not_keep_the_others_from_being_moved(
    desk: Desk, connection: Link
) -> None:
    broken, sound = await desk.open(), await desk.open()
    async with desk.transaction() as session:
        await session.execute(
            text("UPDATE ticket_events SET kind = 'ticket.opened' WHERE ticket_id = :id"), {"id": broken.id}
        )
        await session.execute(
            text(
                "INSERT INTO ticket_events (id, organization_id, ticket_id, kind, occurred_at, actor_kind, data)"
                " SELECT gen_random_uuid(), organization_id, ticket_id, kind, occurred_at, actor_kind, data"
                " FROM ticket_events WHERE ticket_id = :id"
            ),
            {"id": broken.id},
        )
    await desk.change("standard", targets=FAST)
    done = await walked(desk, connection)
    assert done["result"] == f'{{"moved": 1, "failed": [{broken.number}], "looked_at": 2}}'
    assert (await desk.clocks(sound))["first_response"].target_s == 600_000


async def test_a_change_that_concerns_no_open_ticket_moves_none(desk: Desk, connection: Link) -> None:
    await desk.open()
    await desk.change("security", targets=FAST)
    done = await walked(desk, connection)
    assert done["result"] == '{"moved": 0, "failed": [], "looked_at": 1}'
    assert await desk.moves() == {}


async def test_the_tickets_of_another_organisation_are_left_alone(
    desk: Desk, connection: Link, database: Database, settings: Settings
) -> None:
    other = new_id()
    async with database.transaction(other) as session:
        await create_organization(session, slug="other", name="Other", organization_id=other)
    stranger = Desk(database, other, settings, await open_a_desk(database, other))
    theirs = await stranger.open()
    await desk.open()
    await desk.change("standard", targets=FAST)
    done = await walked(desk, connection)
    assert done["result"] == '{"moved": 1, "failed": [], "looked_at": 1}'
    assert (await stranger.clocks(theirs))["first_response"].target_s == 14_400
    assert await stranger.moves() == {}
