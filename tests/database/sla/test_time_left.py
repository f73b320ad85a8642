"""The view's time left against the engine's, clock by clock and minute by minute."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.calendars.commands import change_calendar, create_calendar
from helpdesk.sla.clocks.commands import reconsider_policy
from helpdesk.sla.clocks.ledger import read_ledgers
from helpdesk.sla.clocks.time_left import TimeLeft
from helpdesk.sla.policies.commands import create_policy
from helpdesk.sla.rules.clock import evaluate
from helpdesk.tickets.commands import change_status, open_ticket
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests.database.desk import TARGETS, open_a_desk, vpn_ticket
from tests.database.ticks import refresh_time_left, tick

_ALL_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Hours that hold the nights in which these zones change their clocks, and the weeks around them.
CASES = [
    ("Europe/Vienna", "2026-03-27", [["00:00", "04:00"], ["13:00", "22:30"]]),
    ("America/New_York", "2026-10-30", [["22:00", "06:00"]]),
    ("Australia/Lord_Howe", "2026-04-03", [["01:00", "03:00"], ["09:00", "17:00"]]),
]


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


async def shown(database: Database, organization_id: UUID) -> dict[tuple[UUID, str, int], int | None]:
    async with database.transaction(organization_id) as session:
        rows = await session.execute(
            text("SELECT ticket_id, metric, instance, time_to_breach_minutes FROM sla_clock_live")
        )
        return {(row[0], row[1], row[2]): row[3] for row in rows}


async def computed(
    database: Database, organization_id: UUID, tickets: list[Ticket], at: datetime
) -> dict[tuple[UUID, str, int], int | None]:
    ids = [ticket.id for ticket in tickets]
    async with database.transaction(organization_id) as session:
        ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=ids)
    return {
        (ticket_id, clock.metric, clock.instance): (
            None if clock.stopped_at is not None else (clock.remaining_s - clock.overdue_s) // 60
        )
        for ticket_id, ledger in ledgers.items()
        for clock in evaluate(ledger.events, ledger.policies, ledger.calendars, as_of=at)
    }


@pytest.mark.parametrize(("zone", "day", "windows"), CASES, ids=[case[0] for case in CASES])
async def test_the_time_left_is_the_engines_whatever_happened_to_a_ticket(
    database: Database,
    organization_id: UUID,
    settings: Settings,
    agent: Actor,
    zone: str,
    day: str,
    windows: list[list[str]],
) -> None:
    chance = random.Random(zone)
    # Neither whole minutes nor whole seconds.
    now = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(seconds=1234, microseconds=567891)
    hours: dict[str, Any] = {"timezone": zone, "weekly": dict.fromkeys(_ALL_DAYS, windows)}
    async with database.transaction(organization_id) as session:
        calendar = await create_calendar(
            session, organization_id=organization_id, name="odd", definition=hours, now=now - timedelta(days=3)
        )
        await create_policy(
            session, organization_id=organization_id, name="odd", position=0, calendar="odd", targets=TARGETS
        )
    tickets: list[Ticket] = []
    for step in range(60):
        now += timedelta(seconds=chance.randrange(60, 9000), microseconds=chance.randrange(1_000_000))
        async with database.transaction(organization_id) as session:
            await _happen(session, organization_id, settings, agent, chance, tickets, now)
        if step == 30:
            changed = hours | {"exceptions": {(now + timedelta(days=1)).date().isoformat(): [["10:00", "11:30"]]}}
            async with database.transaction(organization_id) as session:
                await change_calendar(
                    session,
                    organization_id=organization_id,
                    calendar_id=calendar.id,
                    definition=changed,
                    now=now,
                    by=agent.id,
                    note=None,
                )
        if step % 5 == 0:
            async with database.transaction(organization_id) as session:
                await tick(session, organization_id=organization_id, now=now)
        as_of = (now + timedelta(seconds=chance.randrange(1, 50))).replace(microsecond=0)
        async with database.transaction(organization_id) as session:
            await refresh_time_left(session, organization_id=organization_id, now=as_of + timedelta(milliseconds=400))
        assert await shown(database, organization_id) == await computed(database, organization_id, tickets, as_of)
        now = as_of + timedelta(seconds=1)
    assert {minutes is not None and minutes < 0 for minutes in (await shown(database, organization_id)).values()} == {
        True,
        False,
    }


async def _happen(
    session: Any,
    organization_id: UUID,
    settings: Settings,
    agent: Actor,
    chance: random.Random,
    tickets: list[Ticket],
    now: datetime,
) -> None:
    """Open a ticket, move one, raise a priority, or have a ticket look at its policy once more."""
    what = chance.randrange(4) if tickets else 0
    common = {"organization_id": organization_id, "actor": agent, "now": now}
    if what == 0:
        tickets.append(await open_ticket(session, new=vpn_ticket(), settings=settings, **common))
        return
    ticket = await session.get(Ticket, chance.choice(tickets).id)
    if what == 1:
        usual = [TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.ON_HOLD, TicketStatus.SOLVED]
        to = TicketStatus.OPEN if ticket.status == TicketStatus.SOLVED else chance.choice(usual)
        await change_status(session, ticket_id=ticket.id, to=to, **common)
    elif what == 2:
        await set_fields(
            session, ticket_id=ticket.id, changes={"priority": chance.choice(list(TicketPriority))}, **common
        )
    else:
        await reconsider_policy(session, organization_id=organization_id, ticket=ticket, now=now)


async def test_a_worker_that_remembers_counts_as_one_that_looks_anew_for_weeks(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    now = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    async with database.transaction(organization_id) as session:
        await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=now, settings=settings
        )
    remembering = TimeLeft()
    count = text("SELECT open_s FROM sla_calendar_now")
    begin_again = text("UPDATE sla_calendar_now SET open_s = :open_s, as_of = :start")
    async with database.transaction(organization_id) as session:
        start = {"open_s": await session.scalar(count), "start": now}
    for hours in range(1, 24 * 45, 7):
        async with database.transaction(organization_id) as session:
            await remembering.refresh(session, now=now + timedelta(hours=hours))
            remembered = await session.scalar(count)
            await session.execute(begin_again, start)
            await refresh_time_left(session, organization_id=organization_id, now=now + timedelta(hours=hours))
            assert await session.scalar(count) == remembered


async def test_the_time_left_of_a_new_clock_is_known_before_the_first_tick_and_never_more_than_its_target(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    now = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
    for minutes in (0, 30):
        async with database.transaction(organization_id) as session:
            await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(),
                actor=agent,
                now=now + timedelta(minutes=minutes),
                settings=settings,
            )
    assert sorted((await shown(database, organization_id)).values()) == [240, 240, 960, 960]
    async with database.transaction(organization_id) as session:
        await session.execute(text("DELETE FROM sla_calendar_now"))
    assert sorted((await shown(database, organization_id)).values()) == [240, 240, 960, 960]
