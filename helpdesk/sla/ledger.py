"""Read a ticket's event log, policies and calendars into what the clocks are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import CalendarVersion, PolicyVersion
from helpdesk.models.tickets import TicketEvent
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus
from helpdesk.sla.calendar import Calendar
from helpdesk.sla.clock import Event, EventType, Policy


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
    """Read the ledgers of several tickets with three statements."""
    rows = await session.scalars(
        select(TicketEvent)
        .where(TicketEvent.organization_id == organization_id, TicketEvent.ticket_id.in_(list(ticket_ids)))
        .order_by(TicketEvent.ticket_id, TicketEvent.occurred_at, TicketEvent.seq)
    )
    logs: dict[UUID, list[Event]] = {}
    for row in rows:
        if (event := _clock_event(row)) is not None:
            logs.setdefault(row.ticket_id, []).append(event)
    keys = {event.policy for log in logs.values() for event in log if event.policy is not None}
    policies, calendars = await _rules(session, keys)
    return {ticket_id: Ledger(log, policies, calendars) for ticket_id, log in logs.items()}


def _clock_event(row: TicketEvent) -> Event | None:
    """Translate a log entry into the clock's terms; most entries do not move a clock."""
    read = _READERS.get(row.kind)
    return None if read is None else read(row, row.occurred_at)


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
    "ticket.merged": lambda _row, at: Event(at, EventType.MERGED),
}


async def _rules(session: AsyncSession, keys: set[str]) -> tuple[dict[str, Policy], dict[str, Calendar]]:
    pairs = {key: split_key(key) for key in keys}
    calendars = {str(version): (await calendar_of(session, version))[0] for version in {c for _, c in pairs.values()}}
    policies = {
        key: (await _promises_of(session, policy_id)).model_copy(update={"calendar": str(calendar_id)})
        for key, (policy_id, calendar_id) in pairs.items()
    }
    return policies, calendars


# A version never changes, and a calendar remembers the weeks it has laid out.
_CALENDARS: LRUCache[UUID, tuple[Calendar, datetime]] = LRUCache(maxsize=512)
_POLICIES: LRUCache[UUID, Policy] = LRUCache(maxsize=512)


async def _promises_of(session: AsyncSession, policy_version_id: UUID) -> Policy:
    """Return what a policy version promises, whatever calendar it is on."""
    known = _POLICIES.get(policy_version_id)
    if known is None:
        row = await session.get_one(PolicyVersion, policy_version_id)
        rules = {"targets": row.targets, "pause_on": row.pause_on, "thresholds": row.thresholds}
        known = _POLICIES[policy_version_id] = Policy.from_json({"calendar": str(row.calendar_id), **rules})
    return known


async def calendar_of(session: AsyncSession, calendar_version_id: UUID) -> tuple[Calendar, datetime]:
    """Return the calendar of a version, and the instant its open seconds are counted from."""
    known = _CALENDARS.get(calendar_version_id)
    if known is None:
        row = await session.get_one(CalendarVersion, calendar_version_id)
        calendar = Calendar.from_json(
            {
                "timezone": row.timezone,
                "always_open": row.always_open,
                "weekly": row.weekly,
                "exceptions": row.exceptions,
            }
        )
        known = _CALENDARS[calendar_version_id] = (calendar, row.epoch_at)
    return known
