"""Explain the clocks of a stored ticket, with the names that people know its policies and calendars by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.models.sla import Calendar, CalendarVersion, Policy, PolicyVersion
from helpdesk.sla.clocks.ledger import read_ledgers, split_key
from helpdesk.sla.explaining.explanation import Explanation, explain
from helpdesk.sla.explaining.marks import Names

# Every opening until then is looked at.
_AHEAD = timedelta(days=366)


class TooFarAhead(Invalid):
    """Clocks are explained at most a year ahead."""


async def explain_ticket(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, now: datetime, as_of: datetime | None = None
) -> list[Explanation]:
    """Explain every clock of a ticket as it is now, or as it was or would be at `as_of`, by metric and instance.

    Raises:
        TooFarAhead: `as_of` lies more than a year after `now`.
        InvalidHistory, CalendarNeverOpen: the log cannot be computed.
    """
    at = as_of or now
    if at > now + _AHEAD:
        raise TooFarAhead
    ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=[ticket_id])
    ledger = ledgers.get(ticket_id)
    if ledger is None:
        return []
    keys = {event.policy for event in ledger.events if event.policy is not None}
    names = await names_of(session, organization_id=organization_id, keys=keys)
    return explain(ledger.events, ledger.policies, ledger.calendars, as_of=at, names=names)


async def names_of(session: AsyncSession, *, organization_id: UUID, keys: Iterable[str]) -> Names:
    """Return what the policies and calendars are called that logs name by these keys, with their versions."""
    pairs = {key: split_key(key) for key in keys}
    policies = await _policies(session, organization_id, {policy for policy, _ in pairs.values()})
    calendars = await _calendars(session, organization_id, {calendar for _, calendar in pairs.values()})
    return Names(
        policies={key: policies[policy] for key, (policy, _) in pairs.items() if policy in policies},
        calendars={str(version): name for version, (name, _) in calendars.items()},
        holidays={str(version): holidays for version, (_, holidays) in calendars.items()},
    )


async def _policies(session: AsyncSession, organization_id: UUID, versions: set[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(PolicyVersion.id, Policy.name, PolicyVersion.number)
        .join(Policy, Policy.id == PolicyVersion.policy_id)
        .where(PolicyVersion.organization_id == organization_id, PolicyVersion.id.in_(versions))
    )
    return {version: _called(name, number) for version, name, number in rows}


async def _calendars(
    session: AsyncSession, organization_id: UUID, versions: set[UUID]
) -> dict[UUID, tuple[str, dict[date, str]]]:
    rows = await session.execute(
        select(CalendarVersion.id, Calendar.name, CalendarVersion.number, CalendarVersion.holidays)
        .join(Calendar, Calendar.id == CalendarVersion.calendar_id)
        .where(CalendarVersion.organization_id == organization_id, CalendarVersion.id.in_(versions))
    )
    return {
        version: (
            _called(name, number),
            {date.fromisoformat(day): str(origin["name"]) for day, origin in holidays.items()},
        )
        for version, name, number, holidays in rows
    }


def _called(name: str, version: int) -> str:
    return f"{name} (version {version})"
