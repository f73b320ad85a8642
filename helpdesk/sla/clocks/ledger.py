"""Read a ticket's event log, policies and calendars into what the clocks are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import Select, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import CalendarVersion, PolicyVersion
from helpdesk.models.tickets import TicketEvent
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus
from helpdesk.sla.rules.calendar import Calendar, InvalidCalendar
from helpdesk.sla.rules.clock import Event, EventType, Policy
from helpdesk.sla.rules.history import InvalidHistory
from helpdesk.sla.rules.policy import InvalidPolicy

# One parameter however many tickets, and so one prepared statement.
_IDS = ARRAY(Uuid())


@dataclass(frozen=True)
class Ledger:
    """Everything the clocks of one ticket depend on.

    Attributes:
        events: the log, in order.
        policies, calendars: by the key the log names them with (`policy version:calendar version`).
    """

    events: list[Event]
    policies: Mapping[str, Policy]
    calendars: Mapping[str, Calendar]


def policy_key(policy_version_id: UUID, calendar_version_id: UUID) -> str:
    """Return the name a log entry gives to a policy version on a calendar version."""
    return f"{policy_version_id}:{calendar_version_id}"


def split_key(key: str) -> tuple[UUID, UUID]:
    """Return the policy version and the calendar version of a log entry's key."""
    policy, _, calendar = key.partition(":")
    return UUID(policy), UUID(calendar)


async def read_ledgers(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Iterable[UUID]
) -> dict[UUID, Ledger]:
    """Read the ledgers of several tickets with at most three statements; a ticket without a log has none.

    Raises:
        InvalidHistory: an entry of one of the logs cannot be read.
    """
    ledgers, unreadable = await sort_ledgers(session, organization_id=organization_id, ticket_ids=ticket_ids)
    for error in unreadable.values():
        raise error
    return ledgers


async def sort_ledgers(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Iterable[UUID]
) -> tuple[dict[UUID, Ledger], dict[UUID, InvalidHistory]]:
    """Read the ledgers of several tickets as `read_ledgers` does, those that cannot be read apart from the others."""
    logs: dict[UUID, list[Event]] = {}
    unreadable: dict[UUID, InvalidHistory] = {}
    for row in await session.execute(_log_of(organization_id, list(ticket_ids))):
        try:
            logs.setdefault(row.ticket_id, []).append(_READERS[row.kind](row, row.occurred_at))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            sentence = f"The entry {row.kind!r} of {row.occurred_at.isoformat()} cannot be read: {error!r}."
            unreadable[row.ticket_id] = InvalidHistory(sentence)
    keys = {event.policy for log in logs.values() for event in log if event.policy is not None}
    policies, calendars = await _rules(session, organization_id, keys)
    readable = {ticket: log for ticket, log in logs.items() if ticket not in unreadable}
    return {ticket: Ledger(log, policies, calendars) for ticket, log in readable.items()}, unreadable


def _log_of(organization_id: UUID, ticket_ids: list[UUID]) -> Select[Any]:
    """Select the entries that move a clock; most do not."""
    log, tickets = TicketEvent, bindparam("tickets", ticket_ids, _IDS)
    return (
        select(log.ticket_id, log.kind, log.occurred_at, log.actor_kind, log.data)
        .where(log.organization_id == organization_id, log.ticket_id == func.any(tickets))
        .where(log.kind.in_(list(_READERS)))
        .order_by(log.ticket_id, log.occurred_at, log.seq)
    )


def _opened(row: TicketEvent, at: datetime) -> Event:
    priority = TicketPriority(row.data["priority"])
    by = AuthorKind(row.actor_kind)
    return Event(at, EventType.CREATED, priority=priority, policy=row.data.get("policy"), by=by)


def _said(row: TicketEvent, at: datetime) -> Event:
    public = row.data.get("visibility", MessageVisibility.PUBLIC) == MessageVisibility.PUBLIC
    by = AuthorKind(row.actor_kind)
    return Event(at, EventType.MESSAGE if by is AuthorKind.CUSTOMER else EventType.REPLY, by=by, public=public)


_READERS: dict[str, Callable[[TicketEvent, datetime], Event]] = {
    "ticket.opened": _opened,
    "message.added": _said,
    "ticket.status_changed": lambda row, at: Event(at, EventType.STATUS, status=TicketStatus(row.data["to"])),
    "ticket.priority_changed": lambda row, at: Event(at, EventType.PRIORITY, priority=TicketPriority(row.data["to"])),
    "sla.policy_changed": lambda row, at: Event(at, EventType.POLICY, policy=row.data["to"]),
    "ticket.assigned": lambda row, at: Event(at, EventType.ASSIGNED, assigned=row.data.get("assignee") is not None),
    "ticket.merged": lambda _row, at: Event(at, EventType.MERGED),
}


async def _rules(
    session: AsyncSession, organization_id: UUID, keys: set[str]
) -> tuple[dict[str, Policy], dict[str, Calendar]]:
    """Return what the keys name; a key that names nothing readable is left out, and told by whoever looks for it."""
    pairs = {key: pair for key in keys if (pair := _pair(key)) is not None}
    await _learn(session, organization_id, {policy for policy, _ in pairs.values()}, {c for _, c in pairs.values()})
    calendars = {str(id_): _CALENDARS[id_][0] for _, id_ in pairs.values() if id_ in _CALENDARS}
    policies = {
        key: _POLICIES[policy_id].model_copy(update={"calendar": str(calendar_id)})
        for key, (policy_id, calendar_id) in pairs.items()
        if policy_id in _POLICIES
    }
    return policies, calendars


def _pair(key: str) -> tuple[UUID, UUID] | None:
    try:
        return split_key(key)
    except ValueError:
        return None


# A version never changes, and a calendar remembers the weeks it has laid out.
_CALENDARS: LRUCache[UUID, tuple[Calendar, datetime]] = LRUCache(maxsize=2048)
_POLICIES: LRUCache[UUID, Policy] = LRUCache(maxsize=8192)


async def _learn(session: AsyncSession, organization_id: UUID, policies: set[UUID], calendars: set[UUID]) -> None:
    """Read the versions that are not known yet, a statement for each kind."""
    if unknown := policies - _POLICIES.keys():
        of_policies = select(PolicyVersion).where(
            PolicyVersion.organization_id == organization_id, PolicyVersion.id.in_(unknown)
        )
        for promises in await session.scalars(of_policies):
            with suppress(InvalidPolicy):
                _POLICIES[promises.id] = _policy(promises)
    if unknown := calendars - _CALENDARS.keys():
        of_calendars = select(CalendarVersion).where(
            CalendarVersion.organization_id == organization_id, CalendarVersion.id.in_(unknown)
        )
        for hours in await session.scalars(of_calendars):
            with suppress(InvalidCalendar):
                _CALENDARS[hours.id] = (calendar_from(hours), _epoch(hours))


def _policy(row: PolicyVersion) -> Policy:
    rules = {"targets": row.targets, "pause_on": row.pause_on, "thresholds": row.thresholds}
    return Policy.from_json({"calendar": str(row.calendar_id), **rules})


def calendar_from(row: CalendarVersion) -> Calendar:
    """Return the calendar that a version describes.

    Raises:
        InvalidCalendar: its hours cannot be read.
    """
    names = ("timezone", "always_open", "weekly", "exceptions")
    return Calendar.from_json({name: getattr(row, name) for name in names})


def _epoch(row: CalendarVersion) -> datetime:
    """Return the instant a version's open seconds are counted from, a whole second as all its boundaries are."""
    return row.epoch_at.replace(microsecond=0)


async def calendar_of(session: AsyncSession, calendar_version_id: UUID) -> tuple[Calendar, datetime]:
    """Return the calendar of a version, and the instant its open seconds are counted from."""
    known = _CALENDARS.get(calendar_version_id)
    if known is None:
        row = await session.get_one(CalendarVersion, calendar_version_id)
        known = _CALENDARS[calendar_version_id] = (calendar_from(row), _epoch(row))
    return known
