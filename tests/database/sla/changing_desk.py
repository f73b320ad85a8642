"""An organisation whose policies change while tickets are open."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.clocks.queries import clocks_of
from helpdesk.sla.policies import commands
from helpdesk.sla.policies.commands import PolicyChanges
from helpdesk.tickets.commands import change_status, open_ticket
from helpdesk.tickets.requests import Actor
from tests.database.desk import vpn_ticket


class Desk:
    """An organisation whose policies change."""

    def __init__(self, database: Database, organization_id: UUID, settings: Settings, agent: Actor) -> None:
        self.database, self.organization_id, self.settings, self.agent = database, organization_id, settings, agent

    def transaction(self) -> Any:
        return self.database.transaction(self.organization_id)

    async def open(self, **changes: Any) -> Ticket:
        async with self.transaction() as session:
            return await open_ticket(
                session,
                organization_id=self.organization_id,
                new=vpn_ticket(**changes),
                actor=self.agent,
                now=datetime.now(UTC),
                settings=self.settings,
            )

    async def solve(self, ticket: Ticket, to: TicketStatus = TicketStatus.SOLVED) -> None:
        async with self.transaction() as session:
            await change_status(
                session,
                organization_id=self.organization_id,
                ticket_id=ticket.id,
                to=to,
                actor=self.agent,
                now=datetime.now(UTC),
            )

    async def change(self, name: str, **definition: Any) -> None:
        async with self.transaction() as session:
            policy_id = await session.scalar(text("SELECT id FROM sla_policies WHERE name = :name"), {"name": name})
            policy = await commands.lock_policy(session, organization_id=self.organization_id, policy_id=policy_id)
            await commands.change_policy(
                session, policy=policy, changes=PolicyChanges(definition=definition), by=None, now=datetime.now(UTC)
            )

    async def walks(self, status: str = "pending") -> list[UUID]:
        statement = text("SELECT id FROM job_queue WHERE job_type = 'RETARGET_CLOCKS' AND status = :status ORDER BY id")
        async with self.transaction() as session:
            return list(await session.scalars(statement, {"status": status}))

    async def clocks(self, ticket: Ticket) -> dict[str, Any]:
        async with self.transaction() as session:
            found = await clocks_of(session, organization_id=self.organization_id, ticket_ids=[ticket.id])
        return {clock.metric: clock for clock in found[ticket.id]}

    async def moves(self) -> dict[UUID, int]:
        counted = text("SELECT ticket_id, count(*) FROM ticket_events WHERE kind = 'sla.policy_changed' GROUP BY 1")
        async with self.transaction() as session:
            return {row[0]: row[1] for row in await session.execute(counted)}
