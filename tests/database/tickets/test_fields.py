from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, open_ticket
from helpdesk.tickets.fields import UnknownField, apply_triage, set_fields
from helpdesk.tickets.lifecycle import IllegalMove, TicketClosed
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


async def opened(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor, **changes: object
) -> Ticket:
    async with database.transaction(organization_id) as session:
        return await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(**changes), actor=agent, now=NOW, settings=settings
        )


async def stored(database: Database, organization_id: UUID, ticket: Ticket) -> Ticket:
    async with database.transaction(organization_id) as session:
        return await session.get_one(Ticket, ticket.id)


async def live_predictions(database: Database, organization_id: UUID) -> int:
    async with database.transaction(organization_id) as session:
        found = await session.scalar(
            text("SELECT count(*) FROM job_queue WHERE job_type = 'SLA_PREDICT' AND status = 'pending'")
        )
    return int(found or 0)


async def test_triage_sets_what_nobody_has_decided(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    ticket = await opened(database, organization_id, settings, agent)
    async with database.transaction(organization_id) as session:
        applied = await apply_triage(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            values={"priority": "high", "category": "network"},
            now=NOW,
        )
    assert sorted(applied) == ["category", "priority"]
    after = await stored(database, organization_id, ticket)
    assert (after.priority, after.decided_by) == ("high", {"priority": "ai", "category": "ai"})


async def test_triage_never_goes_over_a_persons_value(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    ticket = await opened(database, organization_id, settings, agent, priority=TicketPriority.LOW)
    async with database.transaction(organization_id) as session:
        await set_fields(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            changes={"category": "hardware"},
            actor=agent,
            now=NOW,
        )
    async with database.transaction(organization_id) as session:
        applied = await apply_triage(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            values={"priority": "urgent", "category": "network"},
            now=NOW,
        )
    assert applied == []
    after = await stored(database, organization_id, ticket)
    assert after.priority == "low"


async def test_a_changed_priority_calls_for_one_new_prediction(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    ticket = await opened(database, organization_id, settings, agent)
    async with database.transaction(organization_id) as session:
        await session.execute(
            text("UPDATE job_queue SET status = 'completed', finished_at = now() WHERE job_type = 'SLA_PREDICT'")
        )
    for priority in (TicketPriority.HIGH, TicketPriority.URGENT):
        async with database.transaction(organization_id) as session:
            await set_fields(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                changes={"priority": priority},
                actor=agent,
                now=NOW,
            )
    assert await live_predictions(database, organization_id) == 1


async def test_a_field_a_ticket_does_not_have_is_refused(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    ticket = await opened(database, organization_id, settings, agent)
    async with database.transaction(organization_id) as session:
        with pytest.raises(UnknownField):
            await set_fields(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                changes={"number": 1},
                actor=agent,
                now=NOW,
            )


async def test_a_closed_ticket_takes_no_more_changes(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    ticket = await opened(database, organization_id, settings, agent)
    async with database.transaction(organization_id) as session:
        await change_status(
            session, organization_id=organization_id, ticket_id=ticket.id, to=TicketStatus.CLOSED, actor=agent, now=NOW
        )
    async with database.transaction(organization_id) as session:
        with pytest.raises(TicketClosed):
            await set_fields(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                changes={"priority": "low"},
                actor=Actor(AuthorKind.AGENT),
                now=NOW,
            )


async def test_a_solved_ticket_is_reopened_before_it_is_put_on_hold(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    ticket = await opened(database, organization_id, settings, agent)
    for status in (TicketStatus.SOLVED, TicketStatus.OPEN, TicketStatus.SOLVED):
        async with database.transaction(organization_id) as session:
            await change_status(
                session, organization_id=organization_id, ticket_id=ticket.id, to=status, actor=agent, now=NOW
            )
    assert (await stored(database, organization_id, ticket)).reopen_count == 1
    async with database.transaction(organization_id) as session:
        with pytest.raises(IllegalMove, match="can become closed, open"):
            await change_status(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                to=TicketStatus.ON_HOLD,
                actor=agent,
                now=NOW,
            )
