"""The past of a small desk: tickets of three kinds, solved with one article each."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.tickets.history import PastMessage, PastMove, PastTicket, add_past_ticket
from helpdesk.tickets.requests import SYSTEM, Actor
from tests.database.desk import NOW, vpn_ticket

KINDS = (
    ("network", "VPN error HL-809: connection timed out", "VPN gives HL-809", "The VPN client times out with HL-809"),
    ("hardware", "Swollen laptop battery: stop and act", "Battery bulges", "The battery of my laptop is swollen"),
    ("security", "Mailbox full: make room", "Mailbox is full", "My mailbox is full and sending stops"),
)
WHERE = ("in the hotel", "at the airport", "on the train", "in Rotterdam", "at home", "in the warehouse", "in Graz")


async def add_history(database: Database, organization_id: UUID, agent: Actor, *, tickets: int) -> None:
    """Add settled tickets, one every six hours; every fourth was answered too late."""
    async with database.transaction(organization_id) as session:
        for number in range(tickets):
            category, article, subject, body = KINDS[number % len(KINDS)]
            opened = NOW - timedelta(hours=6 * (tickets - number) + 96)
            answered = opened + timedelta(hours=72 if number % 4 == 0 else 1)
            new = vpn_ticket(
                subject=f"{subject} {WHERE[number % len(WHERE)]}",
                body=f"{body} {WHERE[number % len(WHERE)]}, since {number} minutes.",
                category=category,
                team="network",
                priority=TicketPriority.NORMAL,
            )
            past = PastTicket(
                ticket=new,
                opened_at=opened,
                messages=[
                    PastMessage(answered, agent, f'Please see "{article}".'),
                    PastMessage(answered + timedelta(hours=1), Actor(AuthorKind.CUSTOMER), "Thanks, done."),
                ],
                moves=[PastMove(answered + timedelta(hours=2), TicketStatus.SOLVED, SYSTEM)],
            )
            await add_past_ticket(session, organization_id=organization_id, past=past)
