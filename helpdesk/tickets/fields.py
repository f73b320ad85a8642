"""Decide the fields of a ticket: what a person sets stays, what triage sets may be set again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.events.overrides import note_edits, standing_of
from helpdesk.events.record import record
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus, TicketType
from helpdesk.sla.clocks.commands import reconsider_policy
from helpdesk.tickets.custom_fields import merge_custom
from helpdesk.tickets.follow_up import index_ticket, predict_anew
from helpdesk.tickets.requests import MODEL, SYSTEM, Actor
from helpdesk.tickets.rows import category_by_slug, lock_changeable, lock_ticket, team_by_slug

# A change of one of these may put the ticket under another promise.
_RETARGETING = frozenset({"priority", "category", "team", "type", "tags", "custom"})
_DECIDED = frozenset({"priority", "category", "team", "type"})
# What a person or a policy has decided, triage leaves alone.
_FIRM = frozenset({AuthorKind.AGENT, AuthorKind.SYSTEM})

# Those whose value needs no look at the database, and what makes it of what was given.
_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "priority": TicketPriority,
    "type": TicketType,
    "subject": str,
    "tags": lambda tags: sorted(set(tags)),
}


class ValueRefused(Invalid):
    """The field does not take the value."""


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

    Of `custom`, only the fields it names change; None removes one. What an agent sets teaches triage, too.

    Raises:
        TicketNotFound, TicketClosed, TicketMerged, CategoryNotFound, TeamNotFound, UnknownField, InvalidCustomField.
    """
    ticket = await lock_changeable(session, organization_id=organization_id, ticket_id=ticket_id)
    was = standing_of(ticket)
    changed = [
        name for name, value in changes.items() if await _set(session, ticket, name, value, actor=actor, now=now)
    ]
    decided = {name: AuthorKind.AGENT for name in changes if name in _DECIDED | {"tags"}}
    ticket.decided_by = ticket.decided_by | decided
    await _follow(session, ticket, changed, now)
    if actor.kind is AuthorKind.AGENT:
        await note_edits(session, ticket=ticket, was=was, user_id=actor.id, now=now)
    return ticket


async def apply_triage(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, values: Mapping[str, Any], now: datetime
) -> list[str]:
    """Set the fields that triage is sure of and no person has decided; return the names of those it decided.

    Tags are added to those that the ticket has.

    Raises:
        TicketNotFound: the ticket is gone.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    if ticket.status in {TicketStatus.SOLVED, TicketStatus.CLOSED}:
        return []
    free = {name: value for name, value in values.items() if ticket.decided_by.get(name) not in _FIRM}
    if "tags" in free:
        free["tags"] = [*ticket.tags, *free["tags"]]
    changed = [name for name, value in free.items() if await _set(session, ticket, name, value, actor=MODEL, now=now)]
    ticket.decided_by = ticket.decided_by | dict.fromkeys(free, AuthorKind.AI)
    await _follow(session, ticket, changed, now)
    return list(free)


async def set_for_policy(
    session: AsyncSession,
    *,
    ticket: Ticket,
    values: Mapping[str, Any],
    cause: Mapping[str, Any],
    now: datetime,
) -> None:
    """Set fields of a ticket that the caller has locked, as its policy wants; triage leaves them from then on.

    Args:
        cause: which clock made it so, for the ticket's history.
    """
    changed = [
        name
        for name, value in values.items()
        if await _set(session, ticket, name, value, actor=SYSTEM, now=now, cause=cause)
    ]
    ticket.decided_by = ticket.decided_by | {name: AuthorKind.SYSTEM for name in changed if name in _DECIDED}
    await _follow(session, ticket, changed, now)


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


async def _set(
    session: AsyncSession,
    ticket: Ticket,
    name: str,
    value: Any,
    *,
    actor: Actor,
    now: datetime,
    cause: Mapping[str, Any] | None = None,
) -> bool:
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
        data=_change(name, current, wanted, value) | ({"cause": dict(cause)} if cause else {}),
    )
    return True


async def _column(session: AsyncSession, ticket: Ticket, name: str, value: Any) -> tuple[str, Any]:
    """Return the column a field is kept in, and the value for it."""
    organization_id = ticket.organization_id
    if name in _PLAIN:
        try:
            return name, _PLAIN[name](value)
        except ValueError as error:
            raise ValueRefused(f"{value!r} is no {name}.") from error
    match name:
        case "custom":
            return "custom", merge_custom(ticket.custom, value)
        case "category":
            return "category_id", value and (
                await category_by_slug(session, organization_id=organization_id, slug=value)
            ).id
        case "team":
            return "team_id", value and (await team_by_slug(session, organization_id=organization_id, slug=value)).id
        case _:
            raise UnknownField(f"The field {name!r} cannot be set.")


def _change(name: str, current: Any, wanted: Any, given: Any) -> dict[str, Any]:
    """Return what the history tells of a change: of custom fields, those that changed."""
    if name == "custom":
        changed = [field for field in given if current.get(field) != wanted.get(field)]
        return {"from": {f: current.get(f) for f in changed}, "to": {f: wanted.get(f) for f in changed}}
    return {"from": str(current) if isinstance(current, UUID) else current, "to": given}
