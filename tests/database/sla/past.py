"""A desk with a past: tickets of two categories, one of which is seldom solved in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.tickets.history import PastMessage, PastMove, PastTicket, add_past_ticket
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, vpn_ticket

HOUR = timedelta(hours=1)


async def add_past(
    database: Database,
    organization_id: UUID,
    agent: Actor,
    *,
    tickets: int,
    until: datetime = NOW,
    every: timedelta = 3 * HOUR,
) -> None:
    """Store tickets that were opened one after the other, the last one ten days before `until`."""
    for first in range(0, tickets, 50):
        async with database.transaction(organization_id) as session:
            for number in range(first, min(first + 50, tickets)):
                opened_at = until - timedelta(days=10) - (tickets - number) * every
                slow = number % 2 == 0
                # One in eight goes the other way.
                late = slow != (number % 8 == 0)
                solved_at = opened_at + (timedelta(days=7) if late else timedelta(minutes=30 + number % 50))
                await add_past_ticket(
                    session,
                    organization_id=organization_id,
                    past=PastTicket(
                        ticket=vpn_ticket(
                            category="hardware" if slow else "network",
                            team="network" if number % 3 else None,
                            priority=TicketPriority.NORMAL,
                        ),
                        opened_at=opened_at,
                        messages=[PastMessage(opened_at + timedelta(minutes=20), agent, "We look into it.")],
                        moves=[PastMove(solved_at, TicketStatus.SOLVED)],
                        assignee_id=agent.id,
                    ),
                )
