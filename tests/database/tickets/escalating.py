"""A ticket whose first response is three quarters due, and orders of its policy for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from helpdesk.accounts.commands import create_team, create_user
from helpdesk.accounts.team_commands import change_team
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Team
from helpdesk.models.sla import Clock
from helpdesk.models.tickets import Ticket, TicketEvent
from helpdesk.models.values import UserRole
from helpdesk.queue.catalog import ApplySlaAction
from helpdesk.settings import Settings
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.commands import assign, open_ticket
from helpdesk.tickets.escalation import escalate
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, TARGETS, open_a_desk, vpn_ticket
from tests.database.ticks import tick

MINUTE = timedelta(minutes=1)
# Four hours to the first response began at NOW.
LATER = NOW + 185 * MINUTE


@dataclass
class Scene:
    """A ticket, its agent, and the clock of its first response."""

    database: Database
    organization_id: UUID
    agent: Actor
    ticket_id: UUID
    clock_id: UUID

    async def order(self, action: dict[str, Any], *, level: int = 75) -> ApplySlaAction:
        """Return the job that the clock asks for as it stands."""
        clock = await self.clock()
        return ApplySlaAction(
            ticket_id=self.ticket_id,
            clock_id=self.clock_id,
            metric=clock.metric,
            level=level,
            target_version=clock.target_version,
            action=action,
        )

    async def apply(self, action: dict[str, Any], *, level: int = 75, now: datetime = LATER) -> str | None:
        """Do at once what the clock asks for; return why not."""
        return await self.carry_out(await self.order(action, level=level), now=now)

    async def carry_out(self, order: ApplySlaAction, *, now: datetime = LATER) -> str | None:
        async with self.database.transaction(self.organization_id) as session:
            return await escalate(session, organization_id=self.organization_id, order=order, now=now)

    async def clock(self) -> Clock:
        async with self.database.transaction(self.organization_id) as session:
            return await session.get_one(Clock, self.clock_id)

    async def ticket(self) -> Ticket:
        async with self.database.transaction(self.organization_id) as session:
            return await session.get_one(Ticket, self.ticket_id)

    async def events(self, kind: str) -> list[TicketEvent]:
        async with self.database.transaction(self.organization_id) as session:
            found = select(TicketEvent).where(TicketEvent.kind == kind, TicketEvent.ticket_id == self.ticket_id)
            return list(await session.scalars(found.order_by(TicketEvent.seq)))

    async def jobs(self, job_type: str) -> list[dict[str, Any]]:
        """Return the arguments of all jobs of a type, in the order they were asked for."""
        statement = text("SELECT payload FROM job_queue WHERE job_type = :job_type ORDER BY created_at, id")
        async with self.database.transaction(self.organization_id) as session:
            return list(await session.scalars(statement, {"job_type": job_type}))

    async def set(self, **changes: Any) -> None:
        """Have the agent set fields."""
        about: dict[str, Any] = {"organization_id": self.organization_id, "ticket_id": self.ticket_id}
        async with self.database.transaction(self.organization_id) as session:
            await set_fields(session, changes=changes, actor=self.agent, now=LATER, **about)

    async def assign(self, **changes: Any) -> None:
        """Have the agent assign the ticket."""
        about: dict[str, Any] = {"organization_id": self.organization_id, "ticket_id": self.ticket_id}
        async with self.database.transaction(self.organization_id) as session:
            await assign(session, changes=changes, actor=self.agent, now=LATER, **about)

    async def team(self, slug: str, *, lead: UUID | None = None) -> UUID:
        """Make a team, or give one that is there a lead."""
        async with self.database.transaction(self.organization_id) as session:
            team = await session.scalar(select(Team).where(Team.slug == slug))
            if team is None:
                team = await create_team(session, organization_id=self.organization_id, slug=slug, name=slug.title())
            changes = {"lead_id": lead}
            await change_team(session, organization_id=self.organization_id, team_id=team.id, changes=changes)
            return team.id

    async def user(self, name: str, *, teams: tuple[UUID, ...] = ()) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            user = await create_user(
                session,
                organization_id=self.organization_id,
                email=f"{name}@desk.example",
                name=name.title(),
                role=UserRole.AGENT,
                team_ids=teams,
            )
            return user.id


async def scene_of(
    database: Database,
    organization_id: UUID,
    settings: Settings,
    *,
    actions: dict[str, Any] | None = None,
    **changes: object,
) -> Scene:
    """Open a ticket and let three quarters of its first response pass; with actions, under a policy that has them."""
    agent = await open_a_desk(database, organization_id)
    if actions is not None:
        policy: dict[str, Any] = {"name": "escalating", "position": 0, "calendar": "office", "targets": TARGETS}
        async with database.transaction(organization_id) as session:
            await create_policy(session, organization_id=organization_id, actions=actions, **policy)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(**changes), actor=agent, now=NOW, settings=settings
        )
    async with database.transaction(organization_id) as session:
        await tick(session, organization_id=organization_id, now=LATER)
    async with database.transaction(organization_id) as session:
        clock = select(Clock.id).where(Clock.ticket_id == ticket.id, Clock.metric == "first_response")
        clock_id = (await session.scalars(clock)).one()
    return Scene(database, organization_id, agent, ticket.id, clock_id)
