"""Read policies, clocks and what a ticket is to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.accounts import Category, Company, Contact, Team
from helpdesk.models.sla import Calendar, CalendarVersion, Policy, PolicyVersion
from helpdesk.models.tickets import Ticket, TicketEvent
from helpdesk.sla.ledger import policy_key
from helpdesk.sla.policies import Candidate, Conditions


@dataclass(frozen=True)
class ClockView:
    """A clock as it is now.

    Attributes:
        time_to_breach_minutes: business minutes left, negative when overdue; None once the clock has ended.
    """

    id: UUID
    ticket_id: UUID
    metric: str
    instance: int
    state: str
    outcome: str | None
    breached: bool
    level: int
    start_at: datetime
    target_s: int
    due_at: datetime | None
    warn_75_at: datetime | None
    warn_90_at: datetime | None
    stopped_at: datetime | None
    elapsed_s: int
    remaining_s: int | None
    time_to_breach_minutes: int | None
    policy: str | None


async def policies_in_order(session: AsyncSession, *, organization_id: UUID) -> list[Candidate]:
    """Return the active policies in the order they are tried, each at its current version."""
    rows = await session.execute(
        select(Policy, PolicyVersion.id, CalendarVersion.id)
        .join(PolicyVersion, (PolicyVersion.policy_id == Policy.id) & (PolicyVersion.number == Policy.current_version))
        .join(Calendar, Calendar.id == PolicyVersion.calendar_id)
        .join(
            CalendarVersion,
            (CalendarVersion.calendar_id == Calendar.id) & (CalendarVersion.number == Calendar.current_version),
        )
        .where(Policy.organization_id == organization_id, Policy.active)
        .order_by(Policy.position, Policy.id)
    )
    return [
        Candidate(
            policy_key(policy_version, calendar_version), Conditions.from_json(policy.conditions), policy.is_default
        )
        for policy, policy_version, calendar_version in rows
    ]


async def facts_of(session: AsyncSession, *, ticket: Ticket) -> dict[str, Any]:
    """Return the fields of a ticket that a policy's conditions can name."""
    category = select(Category.slug).where(Category.id == ticket.category_id).scalar_subquery()
    team = select(Team.slug).where(Team.id == ticket.team_id).scalar_subquery()
    company = select(Company.name).where(Company.id == ticket.company_id).scalar_subquery()
    vip = select(Contact.vip).where(Contact.id == ticket.contact_id).scalar_subquery()
    row = (await session.execute(select(category, team, company, func.coalesce(vip, False)))).one()
    return {
        "priority": ticket.priority,
        "category": row[0],
        "team": row[1],
        "company": row[2],
        "vip": row[3],
        "channel": ticket.channel,
        "type": ticket.type,
        "tags": ticket.tags or [],
    }


async def current_policy(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> str | None:
    """Return the key of the policy a ticket's log says it is under."""
    event = await session.scalar(
        select(TicketEvent)
        .where(
            TicketEvent.organization_id == organization_id,
            TicketEvent.ticket_id == ticket_id,
            TicketEvent.kind.in_(("ticket.opened", "sla.policy_changed")),
        )
        .order_by(TicketEvent.occurred_at.desc(), TicketEvent.seq.desc())
        .limit(1)
    )
    if event is None:
        return None
    key: str | None = event.data.get("to" if event.kind == "sla.policy_changed" else "policy")
    return key


_CLOCKS = """
    SELECT c.id, c.ticket_id, c.metric, c.instance, c.state, c.outcome, c.breached, c.level, c.start_at, c.target_s,
           c.due_at, c.warn_75_at, c.warn_90_at, c.stopped_at, c.elapsed_s, c.remaining_s, live.time_to_breach_minutes,
           p.name AS policy
      FROM sla_clocks c
      JOIN sla_clock_live live ON live.id = c.id
      LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
      LEFT JOIN sla_policies p ON p.id = v.policy_id
     WHERE c.organization_id = :organization_id
"""
_OF_TICKETS = text(
    _CLOCKS + " AND c.ticket_id = ANY(:ticket_ids) ORDER BY c.ticket_id, c.start_at, c.metric, c.instance"
)
_DUE_NEXT = text(
    _CLOCKS
    + """ AND c.state = ANY(:states) AND (CAST(:due_before AS timestamptz) IS NULL OR c.due_at < :due_before)
     ORDER BY c.due_at NULLS LAST, c.id LIMIT :limit"""
)


async def clocks_of(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Sequence[UUID]
) -> dict[UUID, list[ClockView]]:
    """Return the clocks of tickets, each as it is now."""
    rows = await session.execute(_OF_TICKETS, {"organization_id": organization_id, "ticket_ids": list(ticket_ids)})
    clocks: dict[UUID, list[ClockView]] = {}
    for row in rows:
        clocks.setdefault(row.ticket_id, []).append(ClockView(*row))
    return clocks


async def list_clocks(
    session: AsyncSession,
    *,
    organization_id: UUID,
    states: Sequence[str] = ("running", "paused"),
    due_before: datetime | None = None,
    limit: int = 50,
) -> list[ClockView]:
    """Return clocks by due time, the most pressing first."""
    values = {"organization_id": organization_id, "states": list(states), "due_before": due_before, "limit": limit}
    return [ClockView(*row) for row in await session.execute(_DUE_NEXT, values)]
