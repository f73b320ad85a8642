from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.sla.clocks.queries import clocks_of
from helpdesk.tickets.history import NotPast, PastMessage, PastMove, PastTicket, add_past_ticket
from tests.database.desk import NOW, open_a_desk, vpn_ticket

HOUR = timedelta(hours=1)


async def test_a_past_ticket_has_its_ended_clocks_and_causes_index_work_only(
    database: Database, organization_id: UUID
) -> None:
    agent = await open_a_desk(database, organization_id)
    past = PastTicket(
        ticket=vpn_ticket(priority=TicketPriority.NORMAL, category="network"),
        opened_at=NOW,
        messages=[PastMessage(NOW + 5 * HOUR, agent, "Please reconnect.")],
        moves=[
            PastMove(NOW + 6 * HOUR, TicketStatus.SOLVED, agent),
            PastMove(NOW + 24 * HOUR, TicketStatus.OPEN, agent),
            PastMove(NOW + 25 * HOUR, TicketStatus.SOLVED, agent),
            PastMove(NOW + 26 * HOUR, TicketStatus.CLOSED),
        ],
        first_priority=TicketPriority.HIGH,
        resolution="Reconnected.",
    )
    async with database.transaction(organization_id) as session:
        ticket = await add_past_ticket(session, organization_id=organization_id, past=past)
    async with database.transaction(organization_id) as session:
        jobs = await session.scalar(text("SELECT count(*) FROM job_queue"))
        index = (await session.execute(text("SELECT source_id, priority FROM rag_index_queue"))).all()
        found = await clocks_of(session, organization_id=organization_id, ticket_ids=[ticket.id])
    assert jobs == 0
    assert [tuple(row) for row in index] == [(ticket.id, 2)]
    outcomes = {clock.metric: (clock.state, clock.outcome) for clock in found[ticket.id]}
    # Two hours had been promised when the answer came after five.
    assert outcomes == {"first_response": ("stopped", "breached"), "resolution": ("stopped", "met")}
    assert (ticket.status, ticket.reopen_count, ticket.first_public_reply_at) == ("closed", 1, NOW + 5 * HOUR)


async def test_the_log_of_a_past_ticket_reads_as_it_happened(database: Database, organization_id: UUID) -> None:
    agent = await open_a_desk(database, organization_id)
    past = PastTicket(
        ticket=vpn_ticket(priority=TicketPriority.HIGH),
        opened_at=NOW,
        messages=[PastMessage(NOW + HOUR, agent, "Looking."), PastMessage(NOW + 2 * HOUR, agent, "Found it.")],
        moves=[PastMove(NOW + 3 * HOUR, TicketStatus.SOLVED, agent)],
        first_priority=TicketPriority.LOW,
    )
    async with database.transaction(organization_id) as session:
        await add_past_ticket(session, organization_id=organization_id, past=past)
    async with database.transaction(organization_id) as session:
        rows = (
            await session.execute(text("SELECT kind, actor_kind FROM ticket_events ORDER BY occurred_at, seq"))
        ).all()
    assert [tuple(row) for row in rows] == [
        ("ticket.opened", AuthorKind.CUSTOMER),
        ("message.added", AuthorKind.AGENT),
        ("ticket.status_changed", AuthorKind.AGENT),
        ("ticket.priority_changed", AuthorKind.AGENT),
        ("message.added", AuthorKind.AGENT),
        ("ticket.status_changed", AuthorKind.AGENT),
    ]


async def test_a_ticket_that_is_not_over_is_not_taken_for_a_past_one(database: Database, organization_id: UUID) -> None:
    await open_a_desk(database, organization_id)
    past = PastTicket(ticket=vpn_ticket(), opened_at=NOW, moves=[PastMove(NOW + HOUR, TicketStatus.PENDING)])
    async with database.transaction(organization_id) as session:
        with pytest.raises(NotPast):
            await add_past_ticket(session, organization_id=organization_id, past=past)
