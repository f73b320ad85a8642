"""Refuse promises that no clock could ever keep, for then no ticket under them could be computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models import sla as tables
from helpdesk.sla.clocks.ledger import calendar_of
from helpdesk.sla.policies.definition import Definition, PolicyReferenceUnknown
from helpdesk.sla.rules.calendar import CalendarNeverOpen


@dataclass(frozen=True)
class Furthest:
    """The longest promise, and how much open time its clock needs up to its last level."""

    minutes: int
    seconds: int


def furthest(targets: Mapping[str, Mapping[str, Any]], thresholds: Iterable[int]) -> Furthest:
    """Find the longest of a policy's targets; a level above 100 % takes longer than the target itself."""
    minutes = max((span or 0 for spans in targets.values() for span in spans.values()), default=0)
    return Furthest(minutes, -(-minutes * 60 * max([100, *thresholds]) // 100))


async def ensure_within_reach(session: AsyncSession, definition: Definition, *, now: datetime) -> None:
    """Refuse a definition whose longest clock could not run out within five years, and hold its calendar as it is.

    Until the transaction ends the calendar gets no other hours and is not deleted.

    Raises:
        CalendarNeverOpen: the calendar opens for less than that.
        PolicyReferenceUnknown: the calendar has been deleted meanwhile.
    """
    version_id = await _hold(session, definition.calendar_id)
    calendar, _ = await calendar_of(session, version_id)
    longest = furthest(definition.targets, definition.thresholds)
    try:
        calendar.advance(now, longest.seconds)
    except CalendarNeverOpen as error:
        raise CalendarNeverOpen(
            f"the policy promises {longest.minutes} minutes, and its calendar opens for too little within five years"
        ) from error


async def _hold(session: AsyncSession, calendar_id: UUID) -> UUID:
    """Lock a calendar against changes, and return its present version."""
    # By itself: a join would still see the version of before a change that it had to wait for.
    lock = select(tables.Calendar.current_version).where(tables.Calendar.id == calendar_id)
    number = await session.scalar(lock.with_for_update(read=True, key_share=True))
    if number is None:
        raise PolicyReferenceUnknown(f"policy.calendar: there is no calendar {str(calendar_id)!r}")
    version = select(tables.CalendarVersion.id).where(
        tables.CalendarVersion.calendar_id == calendar_id, tables.CalendarVersion.number == number
    )
    return (await session.scalars(version)).one()
