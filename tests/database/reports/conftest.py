"""A desk with a week that can be counted by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, open_ticket, reply
from helpdesk.tickets.requests import Actor
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.ticks import tick

HOSTILE = "<script>alert('x')</script> & \"you\""
FORMULA = '=HYPERLINK("http://evil.example","open")'
# The Monday after the week, at eight in Vienna.
NOW = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0, *, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@dataclass
class Desk:
    """Opens, answers and solves tickets at chosen times."""

    database: Database
    settings: Settings
    organization_id: UUID
    agent: Actor

    async def ticket(
        self, opened: datetime, *, answered: datetime | None = None, solved: datetime | None = None, **changes: object
    ) -> UUID:
        scope = {"organization_id": self.organization_id}
        async with self.database.transaction(self.organization_id) as session:
            ticket = await open_ticket(
                session, **scope, new=vpn_ticket(**changes), actor=self.agent, now=opened, settings=self.settings
            )
        if answered is not None:
            async with self.database.transaction(self.organization_id) as session:
                await reply(
                    session,
                    **scope,
                    ticket_id=ticket.id,
                    body="Try again.",
                    actor=self.agent,
                    now=answered,
                    settings=self.settings,
                )
        if solved is not None:
            await self.move(ticket.id, TicketStatus.SOLVED, solved)
        return ticket.id

    async def move(self, ticket_id: UUID, to: TicketStatus, now: datetime) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await change_status(
                session, organization_id=self.organization_id, ticket_id=ticket_id, to=to, actor=self.agent, now=now
            )


@pytest.fixture
async def counted_week(database: Database, settings: Settings, organization_id: UUID) -> Desk:
    """Return a desk in Vienna with four tickets in the week of 2 March 2026 and one in the week before."""
    desk = Desk(database, settings, organization_id, await open_a_desk(database, organization_id))
    async with database.transaction(organization_id) as session:
        await session.execute(text("UPDATE organizations SET timezone = 'Europe/Vienna', name = 'Müller & Söhne'"))
    await desk.ticket(
        at(24, 9, month=2),
        answered=at(24, 10, month=2),
        solved=at(24, 11, month=2),
        priority=TicketPriority.URGENT,
    )
    high, urgent = TicketPriority.HIGH, TicketPriority.URGENT
    await desk.ticket(at(3, 9), answered=at(3, 10), solved=at(3, 11), priority=high, team="network")
    await desk.ticket(at(3, 9), answered=at(3, 10), solved=at(3, 11), priority=urgent, subject=FORMULA)
    await desk.ticket(at(4, 8), subject=HOSTILE, priority=TicketPriority.NORMAL)
    await desk.ticket(at(7, 10), answered=at(7, 10, 10), priority=high, category="security")
    async with database.transaction(organization_id) as session:
        while (await tick(session, organization_id=organization_id, now=NOW)).processed:
            pass
    return desk
