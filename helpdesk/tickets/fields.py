"""Decide the fields of a ticket: what a person sets stays, what triage sets may be set again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.events.record import record
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus, TicketType
from helpdesk.sla.commands import reconsider_policy
from helpdesk.tickets.follow_up import index_ticket, predict_anew
from helpdesk.tickets.lifecycle import TicketClosed
from helpdesk.tickets.requests import MODEL, Actor
from helpdesk.tickets.rows import category_by_slug, lock_ticket, team_by_slug

# A change of one of these may put the ticket under another promise.
_RETARGETING = frozenset({"priority", "category", "team", "type", "tags"})
_DECIDED = frozenset({"priority", "category", "team", "type"})


class UnknownField(Invalid):
    """A ticket has no such field, or it is changed in another way."""


async def set_fields(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Set fields by hand: priority, type, category and team (slugs), tags, subject; triage leaves them from then on.

    Raises:
        TicketNotFound, TicketClosed, CategoryNotFound, TeamNotFound, UnknownField.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    if ticket.status == TicketStatus.CLOSED:
        raise TicketClosed
    changed = [
        name for name, value in changes.items() if await _set(session, ticket, name, value, actor=actor, now=now)
    ]
    decided = {name: AuthorKind.AGENT for name in changes if name in _DECIDED}
    ticket.decided_by = ticket.decided_by | decided
    await _follow(session, ticket, changed, now)
    return ticket


async def apply_triage(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, values: Mapping[str, str], now: datetime
) -> list[str]:
    """Set the fields that triage is sure of and no person has decided; return the names of those it decided.

    Raises:
        TicketNotFound: the ticket is gone.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    if ticket.status in {TicketStatus.SOLVED, TicketStatus.CLOSED}:
        return []
    free = {name: value for name, value in values.items() if ticket.decided_by.get(name) != AuthorKind.AGENT}
    changed = [name for name, value in free.items() if await _set(session, ticket, name, value, actor=MODEL, now=now)]
    ticket.decided_by = ticket.decided_by | dict.fromkeys(free, AuthorKind.AI)
    await _follow(session, ticket, changed, now)
    return list(free)


async def _follow(session: AsyncSession, ticket: Ticket, changed: list[str], now: datetime) -> None:
    """Bring promise, prediction and index in step with changed fields."""
    if not changed:
        return
    ticket.version += 1
    ticket.updated_at = now
    await session.flush()
    if _RETARGETING & set(changed):
        await reconsider_policy(session, organization_id=ticket.organization_id, ticket=ticket, now=now)
    if {"priority", "category"} & set(changed):
        await predict_anew(session, organization_id=ticket.organization_id, ticket_id=ticket.id)
    if {"category", "subject", "tags"} & set(changed):
        await index_ticket(session, organization_id=ticket.organization_id, ticket_id=ticket.id)


async def _set(session: AsyncSession, ticket: Ticket, name: str, value: Any, *, actor: Actor, now: datetime) -> bool:
    """Set one field and record it; return whether it changed."""
    column, wanted = await _column(session, ticket, name, value)
    current = getattr(ticket, column)
    if current == wanted:
        return False
    setattr(ticket, column, wanted)
    await record(
        session,
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        kind=f"ticket.{name}_changed",
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data={"from": _plain(current), "to": value},
    )
    return True


async def _column(session: AsyncSession, ticket: Ticket, name: str, value: Any) -> tuple[str, Any]:
    """Return the column a field is kept in, and the value for it."""
    organization_id = ticket.organization_id
    match name:
        case "priority":
            return "priority", TicketPriority(value)
        case "type":
            return "type", TicketType(value)
        case "subject":
            return "subject", str(value)
        case "tags":
            return "tags", sorted(set(value))
        case "category":
            return "category_id", value and (
                await category_by_slug(session, organization_id=organization_id, slug=value)
            ).id
        case "team":
            return "team_id", value and (await team_by_slug(session, organization_id=organization_id, slug=value)).id
        case _:
            raise UnknownField(f"The field {name!r} cannot be set.")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
