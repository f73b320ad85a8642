"""Choose the policy of a ticket, by those that are in force now."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.tickets import Ticket, TicketEvent
from helpdesk.sla.clocks.ledger import policy_key
from helpdesk.sla.rules.candidates import Candidate, choose
from helpdesk.sla.rules.conditions import Conditions

_IN_FORCE = """
      FROM sla_policies AS policy
      JOIN sla_policy_versions AS version
        ON version.policy_id = policy.id AND version.number = policy.current_version
      JOIN sla_calendars AS calendar ON calendar.id = version.calendar_id
      JOIN sla_calendar_versions AS hours
        ON hours.calendar_id = calendar.id AND hours.number = calendar.current_version
     WHERE policy.organization_id = :organization_id AND policy.active
       AND (version.valid_from IS NULL OR version.valid_from <= :now)
       AND (version.valid_until IS NULL OR version.valid_until > :now)
     ORDER BY policy.position, policy.id
"""
_POLICIES = "SELECT version.id, hours.id AS hours_id, policy.is_default, CAST(version.conditions AS text) AS conditions"
_CANDIDATES = text(_POLICIES + _IN_FORCE)
# Each is looked up once and comes with every row: a ticket is opened with one statement for its promise.
_FACTS = """,
           (SELECT slug FROM categories WHERE id = :category_id) AS category,
           (SELECT slug FROM teams WHERE id = :team_id) AS team,
           (SELECT name FROM companies WHERE id = :company_id) AS company,
           coalesce((SELECT vip FROM contacts WHERE id = :contact_id), false) AS vip"""
_CANDIDATES_AND_FACTS = text(_POLICIES + _FACTS + _IN_FORCE)

# A version never changes.
_CONDITIONS: LRUCache[UUID, Conditions] = LRUCache(maxsize=2048)


async def policies_in_order(session: AsyncSession, *, organization_id: UUID, now: datetime) -> list[Candidate]:
    """Return the active policies that are in force, in the order they are tried, each at its current version."""
    rows = await session.execute(_CANDIDATES, {"organization_id": organization_id, "now": now})
    return [_candidate(row) for row in rows]


async def choose_policy(session: AsyncSession, *, organization_id: UUID, ticket: Ticket, now: datetime) -> str | None:
    """Return the key of the policy a ticket falls under, None when there is none for it."""
    names = ("category_id", "team_id", "company_id", "contact_id")
    values = {"organization_id": organization_id, "now": now} | {name: getattr(ticket, name) for name in names}
    rows = (await session.execute(_CANDIDATES_AND_FACTS, values)).all()
    if not rows:
        return None
    facts = {
        "priority": ticket.priority,
        "type": ticket.type,
        "channel": ticket.channel,
        "tags": ticket.tags or [],
        "custom": ticket.custom or {},
    } | {name: getattr(rows[0], name) for name in ("category", "team", "company", "vip")}
    return choose((_candidate(row) for row in rows), facts)


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


def _candidate(row: Row[Any]) -> Candidate:
    conditions = _CONDITIONS.get(row.id)
    if conditions is None:
        conditions = _CONDITIONS[row.id] = Conditions.from_json(json.loads(row.conditions))
    return Candidate(policy_key(row.id, row.hours_id), conditions, row.is_default)
