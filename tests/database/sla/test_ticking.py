import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.notifications.commands import deliver
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.settings import Settings
from helpdesk.sla.clocks.queries import ClockView, clocks_of
from helpdesk.sla.clocks.ticking import Tick, count_skipped
from helpdesk.tickets.commands import change_status, open_ticket, reply
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.ticks import refresh_time_left, tick

MINUTE = timedelta(minutes=1)


async def opened(
    database: Database, organization_id: UUID, settings: Settings, **changes: object
) -> tuple[Ticket, Actor]:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(**changes), actor=agent, now=NOW, settings=settings
        )
    return ticket, agent


async def ticked(database: Database, organization_id: UUID, now: datetime) -> Tick:
    async with database.transaction(organization_id) as session:
        return await tick(session, organization_id=organization_id, now=now)


async def clocks(database: Database, organization_id: UUID, ticket: Ticket) -> dict[str, ClockView]:
    async with database.transaction(organization_id) as session:
        found = await clocks_of(session, organization_id=organization_id, ticket_ids=[ticket.id])
    return {clock.metric: clock for clock in found[ticket.id]}


async def notices(database: Database, organization_id: UUID) -> list[DeliverNotification]:
    async with database.transaction(organization_id) as session:
        rows = await session.scalars(
            text("SELECT payload FROM job_queue WHERE job_type = 'DELIVER_NOTIFICATION' ORDER BY created_at, id")
        )
        return [DeliverNotification.model_validate(row) for row in rows]


async def test_each_level_is_told_once_at_its_business_time(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, _ = await opened(database, organization_id, settings)
    # 09:00 UTC is 10:00 in Vienna; four hours to the first response end at 14:00 there.
    first = (await clocks(database, organization_id, ticket))["first_response"]
    assert first.due_at == NOW + 240 * MINUTE
    assert (await ticked(database, organization_id, NOW + 179 * MINUTE)).processed == 0
    assert (await ticked(database, organization_id, NOW + 180 * MINUTE)).warned_75 == 1
    assert (await ticked(database, organization_id, NOW + 181 * MINUTE)).processed == 0
    assert (await ticked(database, organization_id, NOW + 216 * MINUTE)).warned_90 == 1
    assert (await ticked(database, organization_id, NOW + 240 * MINUTE)).breached == 1
    assert [notice.data["level"] for notice in await notices(database, organization_id)] == [75, 90, 100]


async def test_a_late_tick_tells_the_highest_level_only_and_knows_when_it_was_reached(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, _ = await opened(database, organization_id, settings)
    late = NOW + 300 * MINUTE
    assert await ticked(database, organization_id, late) == Tick(processed=1, breached=1)
    async with database.transaction(organization_id) as session:
        row = (await session.execute(text("SELECT level, at, detected_at FROM sla_events"))).one()
    assert tuple(row) == (100, NOW + 240 * MINUTE, late)
    assert (await clocks(database, organization_id, ticket))["first_response"].breached


async def test_two_workers_at_once_send_nothing_twice(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    agent = await open_a_desk(database, organization_id)
    for _ in range(12):
        async with database.transaction(organization_id) as session:
            await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
            )
    late = NOW + 300 * MINUTE
    ticks = await asyncio.gather(*(ticked(database, organization_id, late) for _ in range(4)))
    ticks.append(await ticked(database, organization_id, late))
    assert sum(done.breached for done in ticks) == 12
    assert len({notice.dedupe_key for notice in await notices(database, organization_id)}) == 12
    assert len(await notices(database, organization_id)) == 12


async def test_an_answer_in_time_ends_the_clock_and_nothing_more_is_told(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, agent = await opened(database, organization_id, settings)
    async with database.transaction(organization_id) as session:
        await reply(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            body="On it.",
            actor=agent,
            now=NOW + 30 * MINUTE,
            settings=settings,
        )
    after = await clocks(database, organization_id, ticket)
    assert (after["first_response"].state, after["first_response"].outcome) == ("stopped", "met")
    assert (await ticked(database, organization_id, NOW + 300 * MINUTE)).breached == 0


async def test_raising_the_priority_measures_the_whole_life_anew_and_tells_at_once(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, agent = await opened(database, organization_id, settings)
    async with database.transaction(organization_id) as session:
        await set_fields(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            changes={"priority": TicketPriority.URGENT},
            actor=agent,
            now=NOW + 25 * MINUTE,
        )
    first = (await clocks(database, organization_id, ticket))["first_response"]
    assert (first.target_s, first.due_at, first.level) == (30 * 60, NOW + 30 * MINUTE, 75)
    assert [notice.data["level"] for notice in await notices(database, organization_id)] == [75]


async def test_a_category_that_calls_for_another_policy_moves_the_ticket_there(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, agent = await opened(database, organization_id, settings)
    async with database.transaction(organization_id) as session:
        await set_fields(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            changes={"category": "security"},
            actor=agent,
            now=NOW + MINUTE,
        )
    moved = await clocks(database, organization_id, ticket)
    assert moved["first_response"].policy == "security"
    assert moved["first_response"].target_s == 15 * 60
    assert moved["resolution"].state == "cancelled"


async def test_time_left_is_current_for_every_clock_and_stands_still_while_paused(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, agent = await opened(database, organization_id, settings)
    async with database.transaction(organization_id) as session:
        await refresh_time_left(session, organization_id=organization_id, now=NOW + 60 * MINUTE)
    assert (await clocks(database, organization_id, ticket))["first_response"].time_to_breach_minutes == 180
    async with database.transaction(organization_id) as session:
        # The next morning in Vienna: closed hours do not count.
        await refresh_time_left(session, organization_id=organization_id, now=NOW + timedelta(days=1))
    assert (await clocks(database, organization_id, ticket))["first_response"].time_to_breach_minutes == 240 - 480
    async with database.transaction(organization_id) as session:
        await change_status(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            to=TicketStatus.PENDING,
            actor=agent,
            now=NOW + 120 * MINUTE,
        )
    async with database.transaction(None, role="atum_worker") as session:
        skipped = await count_skipped(session)
    resolution = (await clocks(database, organization_id, ticket))["resolution"]
    assert (resolution.state, resolution.due_at, resolution.time_to_breach_minutes) == ("paused", None, 960 - 120)
    assert (skipped.null_sla, skipped.paused) == (0, 1)


async def test_a_notice_reaches_each_person_once_however_often_it_is_delivered(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, agent = await opened(database, organization_id, settings)
    await ticked(database, organization_id, NOW + 180 * MINUTE)
    [notice] = await notices(database, organization_id)
    told = []
    for _ in range(2):
        async with database.transaction(organization_id) as session:
            await set_assignee(session, ticket, agent)
            told.append(
                await deliver(session, organization_id=organization_id, notice=notice, now=NOW, settings=settings)
            )
    assert told == [{agent.id}, set()]


async def set_assignee(session: object, ticket: Ticket, agent: Actor) -> None:
    await session.execute(  # type: ignore[attr-defined]
        text("UPDATE tickets SET assignee_id = :user WHERE id = :ticket"), {"user": agent.id, "ticket": ticket.id}
    )


async def test_a_customer_who_answers_a_solved_ticket_wakes_it(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    ticket, agent = await opened(database, organization_id, settings)
    async with database.transaction(organization_id) as session:
        await change_status(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            to=TicketStatus.SOLVED,
            actor=agent,
            now=NOW + 60 * MINUTE,
            resolution="Reconnected.",
        )
    async with database.transaction(organization_id) as session:
        await reply(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            body="It is back.",
            actor=Actor(AuthorKind.CUSTOMER, ticket.contact_id),
            now=NOW + 120 * MINUTE,
            settings=settings,
        )
    resolution = (await clocks(database, organization_id, ticket))["resolution"]
    # The hour in which it was solved does not count.
    assert (resolution.state, resolution.due_at) == ("running", NOW + timedelta(days=2) + 60 * MINUTE)
