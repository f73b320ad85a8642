"""Ticks with several workers, with commands in between, after downtime, and with tickets that cannot be computed."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.clocks.minute import Minute
from helpdesk.sla.clocks.ticking import Tick
from helpdesk.tickets.commands import change_status, open_ticket, reply
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.ticks import tick

MINUTE = timedelta(minutes=1)
# Four hours to the first answer: with twelve open hours behind them, all are late.
LONG_AGO = timedelta(days=4)


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


async def opened(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor, *, at: datetime, count: int = 1
) -> list[Ticket]:
    async with database.transaction(organization_id) as session:
        return [
            await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=at, settings=settings
            )
            for _ in range(count)
        ]


async def told(database: Database, organization_id: UUID) -> list[tuple[UUID, int, int]]:
    async with database.transaction(organization_id) as session:
        rows = await session.execute(
            text("SELECT clock_id, target_version, level FROM sla_events WHERE kind = 'threshold'")
        )
        return [tuple(row) for row in rows]


async def notices(database: Database, organization_id: UUID) -> list[str]:
    async with database.transaction(organization_id) as session:
        rows = await session.scalars(
            text("SELECT payload ->> 'dedupe_key' FROM job_queue WHERE job_type = 'DELIVER_NOTIFICATION'")
        )
        return list(rows)


async def test_workers_that_race_over_hundreds_of_crossings_tell_each_once(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    for _ in range(4):
        await opened(database, organization_id, settings, agent, at=datetime.now(UTC) - LONG_AGO, count=75)
    others = [Database(settings, application=f"racer-{number}") for number in range(3)]
    try:
        ticks = await asyncio.gather(*(Minute(each).tick() for each in [database, *others]))
    finally:
        for other in others:
            await other.close()
    ticks.append(await Minute(database).tick())
    keys = await notices(database, organization_id)
    assert len(keys) == len(set(keys)) == len(await told(database, organization_id))
    assert sum(done.breached + done.warned_75 + done.warned_90 for done in ticks) == len(keys) >= 300
    assert ticks[-1] == Tick()


async def test_ticks_and_commands_on_the_same_tickets_leave_clocks_as_the_log_has_them(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    tickets = await opened(database, organization_id, settings, agent, at=datetime.now(UTC) - LONG_AGO, count=40)

    async def answer(ticket: Ticket) -> None:
        async with database.transaction(organization_id) as session:
            # The time of the command is that of its request; by now a tick may have been at the ticket.
            now = datetime.now(UTC) - timedelta(seconds=1)
            await reply(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                body="On it.",
                actor=agent,
                now=now,
                settings=settings,
            )

    await asyncio.gather(*(answer(ticket) for ticket in tickets), *(Minute(database).tick() for _ in range(6)))
    await Minute(database).tick()
    events = Counter(await told(database, organization_id))
    assert set(events.values()) == {1}
    async with database.transaction(organization_id) as session:
        states = await session.execute(
            text("SELECT DISTINCT metric, state, outcome FROM sla_clocks WHERE metric = 'first_response'")
        )
        assert [tuple(row) for row in states] == [("first_response", "stopped", "breached")]


async def test_a_clock_that_was_due_at_closing_time_is_found_breached_while_closed(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    # 13:00 in Vienna: four hours end when the office closes.
    await opened(database, organization_id, settings, agent, at=NOW + 180 * MINUTE)
    due_at = NOW + 420 * MINUTE
    async with database.transaction(organization_id) as session:
        at_closing = await tick(session, organization_id=organization_id, now=due_at)
    row = text("SELECT breached, breached_at, level FROM sla_clocks WHERE metric = 'first_response'")
    async with database.transaction(organization_id) as session:
        assert tuple((await session.execute(row)).one()) == (False, None, 100)
        after = await tick(session, organization_id=organization_id, now=due_at + MINUTE)
        assert tuple((await session.execute(row)).one()) == (True, due_at, 100)
    assert (at_closing.breached, after.processed, after.breached) == (1, 1, 0)


async def test_a_clock_that_breached_and_was_then_paused_stays_breached_and_tells_nothing_more(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    [ticket] = await opened(database, organization_id, settings, agent, at=NOW)
    late = NOW + timedelta(days=3)
    async with database.transaction(organization_id) as session:
        await tick(session, organization_id=organization_id, now=late)
    before = await told(database, organization_id)
    async with database.transaction(organization_id) as session:
        await change_status(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            to=TicketStatus.ON_HOLD,
            actor=agent,
            now=late + MINUTE,
        )
        again = await tick(session, organization_id=organization_id, now=late + timedelta(days=2))
        row = await session.execute(
            text("SELECT state, breached, due_at, remaining_s FROM sla_clocks WHERE metric = 'resolution'")
        )
    # Sixteen open hours were promised and twenty-four have passed; overdue stands still.
    assert tuple(row.one()) == ("paused", True, None, -8 * 3600 - 60)
    assert (again, await told(database, organization_id)) == (Tick(), before)


async def test_after_a_downtime_each_clock_tells_its_highest_level_once_and_says_when_it_was_found(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    await opened(database, organization_id, settings, agent, at=NOW, count=3)
    found_at = NOW + timedelta(days=30)
    async with database.transaction(organization_id) as session:
        done = await tick(session, organization_id=organization_id, now=found_at)
        rows = await session.execute(text("SELECT level, at < detected_at, detected_at FROM sla_events"))
        clocks = await session.execute(text("SELECT DISTINCT breached, detected_at FROM sla_clocks"))
    assert (done.processed, done.breached) == (3, 6)
    assert {tuple(row) for row in rows} == {(100, True, found_at)}
    assert [tuple(row) for row in clocks] == [(True, found_at)]


async def test_a_ticket_with_a_broken_log_is_put_off_and_keeps_nobody(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    broken, *sound = await opened(database, organization_id, settings, agent, at=datetime.now(UTC) - LONG_AGO, count=3)
    async with database.transaction(organization_id) as session:
        await session.execute(
            text("UPDATE ticket_events SET data = data - 'priority' WHERE ticket_id = :id"), {"id": broken.id}
        )
    with capture_logs() as logs:
        first = await Minute(database).tick()
        second = await Minute(database).tick()
    assert (first.processed, first.failed, second) == (len(sound), 1, Tick())
    [failure] = [entry for entry in logs if entry["event"] == "sla_ticket_failed"]
    assert failure["ticket_id"] == str(broken.id)
    assert "priority" in failure["error"]


async def test_a_ticket_that_goes_on_failing_is_looked_at_less_and_less_often_until_it_is_mended(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    [ticket] = await opened(database, organization_id, settings, agent, at=NOW)
    break_it = text("UPDATE ticket_events SET data = data - 'priority' WHERE ticket_id = :id")
    mend = text('UPDATE ticket_events SET data = data || \'{"priority": "normal"}\' WHERE ticket_id = :id')
    looked_at = []
    async with database.transaction(organization_id) as session:
        await session.execute(break_it, {"id": ticket.id})
        for minutes in range(0, 24 * 60, 5):
            now = NOW + timedelta(days=1, minutes=minutes)
            if (await tick(session, organization_id=organization_id, now=now)).failed:
                looked_at.append(minutes)
        await session.execute(mend, {"id": ticket.id})
        done = await tick(session, organization_id=organization_id, now=NOW + timedelta(days=3))
        failing = await session.scalar(text("SELECT count(*) FROM sla_clocks WHERE failing_since IS NOT NULL"))
    assert looked_at == [0, 5, 10, 20, 40, 80, 160, 320, 640, 1280]
    assert (done.processed, done.failed, failing) == (1, 0, 0)


async def test_a_chunk_that_cannot_be_stored_is_taken_ticket_by_ticket(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    odd, *sound = await opened(database, organization_id, settings, agent, at=datetime.now(UTC) - LONG_AGO, count=4)
    async with database.transaction(organization_id, role="atum_owner") as session:
        # Something only the database knows of.
        await session.execute(
            text(f"ALTER TABLE sla_clocks ADD CONSTRAINT odd CHECK (ticket_id <> '{odd.id}' OR level = 0)")
        )
    with capture_logs() as logs:
        first = await Minute(database).tick()
        second = await Minute(database).tick()
    assert (first.processed, first.failed, second) == (len(sound), 1, Tick())
    assert Counter(entry["event"] for entry in logs) == {"sla_chunk_failed": 1, "sla_ticket_failed": 1}


async def test_a_ticket_that_a_command_holds_is_left_to_the_next_tick(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    held, _free = await opened(database, organization_id, settings, agent, at=datetime.now(UTC) - LONG_AGO, count=2)
    async with database.transaction(organization_id) as session:
        await session.execute(text("SELECT 1 FROM tickets WHERE id = :id FOR UPDATE"), {"id": held.id})
        first = await Minute(database).tick()
    assert (first.processed, (await Minute(database).tick()).processed) == (1, 1)
