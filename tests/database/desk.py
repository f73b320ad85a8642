"""A small help desk to test with: teams, categories, a calendar and a policy."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from helpdesk.accounts.commands import create_category, create_contact, create_team, create_user
from helpdesk.database.engine import Database
from helpdesk.models.values import AuthorKind, UserRole
from helpdesk.sla.calendars.commands import create_calendar
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.requests import Actor, NewTicket, Requester

# A Tuesday morning.
NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)

OFFICE_HOURS = {
    "timezone": "Europe/Vienna",
    "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
TARGETS = {
    "low": {"first_response": 480, "resolution": 2400},
    "normal": {"first_response": 240, "next_response": 240, "resolution": 960},
    "high": {"first_response": 120, "resolution": 480},
    "urgent": {"first_response": 30, "resolution": 240},
}


async def open_a_desk(database: Database, organization_id: UUID) -> Actor:
    """Furnish an organisation, and return its agent."""
    async with database.transaction(organization_id) as session:
        await create_calendar(session, organization_id=organization_id, name="office", definition=OFFICE_HOURS, now=NOW)
        await create_calendar(
            session,
            organization_id=organization_id,
            name="always",
            definition={"timezone": "UTC", "always_open": True},
            now=NOW,
        )
        await create_policy(
            session,
            organization_id=organization_id,
            name="security",
            position=1,
            calendar="always",
            targets={priority: {"first_response": 15} for priority in TARGETS},
            conditions={"any": [{"field": "category", "op": "is", "value": "security"}]},
        )
        await create_policy(
            session,
            organization_id=organization_id,
            name="standard",
            position=2,
            calendar="office",
            targets=TARGETS,
            is_default=True,
        )
        network = await create_team(session, organization_id=organization_id, slug="network", name="Network")
        for slug in ("network", "security", "hardware"):
            await create_category(
                session, organization_id=organization_id, slug=slug, name=slug.title(), team_id=network.id
            )
        agent = await create_user(
            session,
            organization_id=organization_id,
            email="agent@desk.example",
            name="Ada Agent",
            role=UserRole.AGENT,
            team_ids=[network.id],
        )
        await create_contact(session, organization_id=organization_id, email="kim@customer.example", name="Kim")
    return Actor(AuthorKind.AGENT, agent.id)


def vpn_ticket(**changes: object) -> NewTicket:
    """Return a ticket that somebody might open."""
    values: dict[str, object] = {
        "subject": "VPN drops",
        "body": "Since this morning the VPN drops every few minutes with HL-809.",
        "requester": Requester("kim@customer.example", "Kim"),
    }
    return NewTicket(**(values | changes))  # type: ignore[arg-type]
