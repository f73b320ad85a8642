"""A desk with people who can be told, and what they were told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import select, text

from helpdesk.accounts.commands import create_user
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Team, User
from helpdesk.models.notifications import Notification, NotificationDelivery
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeTiming, UserRole
from helpdesk.notifications.commands import deliver
from helpdesk.notifications.people.digest import send_digest
from helpdesk.notifications.preferences.choices import Preferences, usual_timings, with_timings
from helpdesk.notifications.preferences.commands import set_preferences
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.requests import Actor
from helpdesk.tickets.watching import watch
from tests.database.desk import NOW, open_a_desk, vpn_ticket

MINUTE = timedelta(minutes=1)
# Half past nine in the evening in Vienna.
EVENING = datetime(2026, 3, 3, 20, 30, tzinfo=UTC)
WITH_MAIL = Settings(smtp_url=SecretStr("smtp://127.0.0.1:9"), mail_from="Desk <desk@example.org>")


@dataclass
class Desk:
    """An organisation with a team, its agent and a ticket of the team that nobody has."""

    database: Database
    organization_id: UUID
    agent: Actor
    ticket_id: UUID

    @property
    def ada(self) -> UUID:
        assert self.agent.id is not None
        return self.agent.id

    async def user(
        self, name: str, *, role: UserRole = UserRole.AGENT, in_team: bool = False, active: bool = True
    ) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            team = (await session.scalars(select(Team.id))).one()
            user = await create_user(
                session,
                organization_id=self.organization_id,
                email=f"{name}@desk.example",
                name=name.title(),
                role=role,
                team_ids=[team] if in_team else [],
            )
            user.active = active
            return user.id

    async def change(self, sql: str, **values: Any) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await session.execute(text(sql), values)

    async def tickets(self, count: int) -> list[UUID]:
        """Return so many tickets, like the one there is."""
        await self.change(
            "INSERT INTO tickets (id, organization_id, number, subject, channel, contact_id, team_id, assignee_id)"
            " SELECT gen_random_uuid(), organization_id, n, subject, channel, contact_id, team_id, assignee_id"
            " FROM tickets, generate_series(2, :count) AS n",
            count=count,
        )
        async with self.database.transaction(self.organization_id) as session:
            return list(await session.scalars(select(Ticket.id).order_by(Ticket.number)))

    async def assign(self, user_id: UUID | None) -> None:
        await self.change("UPDATE tickets SET assignee_id = :user", user=user_id)

    async def watch(self, user_id: UUID) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await watch(session, organization_id=self.organization_id, ticket_id=self.ticket_id, user_id=user_id)

    async def choose(
        self,
        user_id: UUID,
        changes: dict[NoticeKind, dict[NoticeChannel, NoticeTiming]] | None = None,
        *,
        timezone: str | None = None,
        **chosen: Any,
    ) -> None:
        preferences = Preferences(timings=with_timings(usual_timings(), changes or {}), **chosen)
        async with self.database.transaction(self.organization_id) as session:
            await set_preferences(
                session,
                organization_id=self.organization_id,
                user_id=user_id,
                preferences=preferences,
                timezone=timezone,
                now=NOW,
            )

    async def tell(self, *, now: datetime = NOW, settings: Settings = WITH_MAIL, **changes: Any) -> int:
        values = {"kind": "sla.warning", "ticket_id": self.ticket_id, "dedupe_key": str(uuid4()), "title": "#1: late"}
        notice = DeliverNotification(**(values | changes))
        async with self.database.transaction(self.organization_id) as session:
            told = await deliver(
                session, organization_id=self.organization_id, notice=notice, now=now, settings=settings
            )
        return len(told)

    async def digest(self, user_id: UUID, *, now: datetime, settings: Settings = WITH_MAIL) -> int:
        async with self.database.transaction(self.organization_id) as session:
            return await send_digest(
                session, organization_id=self.organization_id, user_id=user_id, now=now, settings=settings
            )

    async def told(self, **only: Any) -> list[NotificationDelivery]:
        """Return the deliveries, in the order they came up."""
        async with self.database.transaction(self.organization_id) as session:
            statement = select(NotificationDelivery).filter_by(**only).order_by(NotificationDelivery.id)
            return list(await session.scalars(statement))

    async def names(self, **only: Any) -> list[str]:
        """Return who was told in the app, by name."""
        async with self.database.transaction(self.organization_id) as session:
            statement = (
                select(User.name)
                .join(Notification, Notification.user_id == User.id)
                .filter_by(**only)
                .order_by(User.name)
            )
            return [name.split()[0] for name in await session.scalars(statement)]

    async def jobs(self, job_type: str) -> list[Any]:
        async with self.database.transaction(self.organization_id) as session:
            rows = await session.execute(
                text("SELECT id, payload, run_after, unique_key FROM job_queue WHERE job_type = :type ORDER BY id"),
                {"type": job_type},
            )
            return list(rows)


async def furnish(database: Database, organization_id: UUID) -> Desk:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket: Ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=Settings()
        )
        team = (await session.scalars(select(Team.id))).one()
        ticket.team_id = team
    return Desk(database, organization_id, agent, ticket.id)
