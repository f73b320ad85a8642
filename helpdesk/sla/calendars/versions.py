"""Make versions of a calendar: what is checked, what counts as a change, and who has to hear of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import Calendar, CalendarVersion, Policy, PolicyVersion
from helpdesk.sla.calendars.queries import definition_of
from helpdesk.sla.policies.reach import furthest
from helpdesk.sla.policies.retargeting import ask_to_retarget
from helpdesk.sla.rules import calendar as pure
from helpdesk.sla.rules.hours import Hours


@dataclass(frozen=True)
class Editor:
    """Who makes a version, when and why; nobody is the system."""

    now: datetime
    by: UUID | None = None
    note: str | None = None


def check_definition(definition: Mapping[str, Any], *, name: str, now: datetime) -> dict[str, Any]:
    """Return a definition as it is stored: written in one way, with names for no other dates than its exceptions.

    Raises:
        InvalidCalendar: the hours cannot be read; the sentence names the field.
        CalendarNeverOpen: they never open within five years of `now`.
    """
    pure.Calendar.from_json(definition, where=name).ensure_opens(now)
    hours = Hours.model_validate(dict(definition)).as_json()
    holidays = definition.get("holidays") or {}
    return hours | {"holidays": {day: origin for day, origin in holidays.items() if day in hours["exceptions"]}}


async def current_version(session: AsyncSession, *, calendar: Calendar) -> CalendarVersion:
    """Return the version of a calendar that is in force."""
    statement = select(CalendarVersion).where(
        CalendarVersion.calendar_id == calendar.id, CalendarVersion.number == calendar.current_version
    )
    return (await session.scalars(statement)).one()


async def add_version(
    session: AsyncSession, *, calendar: Calendar, definition: Mapping[str, Any], editor: Editor
) -> CalendarVersion:
    """Put other hours in force, and have open tickets follow them; return the version in force when they are equal.

    The caller holds the lock on the calendar's row.

    Raises:
        InvalidCalendar: as for `check_definition`.
        CalendarNeverOpen: it never opens, or less within five years than a policy on it promises.
    """
    current = await current_version(session, calendar=calendar)
    checked = check_definition(definition, name=calendar.name, now=editor.now)
    if checked == definition_of(current):
        return current
    await _refuse_too_few_hours(session, calendar, pure.Calendar.from_json(checked), editor.now)
    calendar.current_version += 1
    version = await store_version(session, calendar=calendar, checked=checked, editor=editor)
    if await session.scalar(select(exists().where(PolicyVersion.calendar_id == calendar.id))):
        await ask_to_retarget(session, organization_id=calendar.organization_id, calendar_id=calendar.id)
    return version


async def store_version(
    session: AsyncSession, *, calendar: Calendar, checked: Mapping[str, Any], editor: Editor
) -> CalendarVersion:
    """Store what `check_definition` returned as the present version of a calendar."""
    version = CalendarVersion(
        organization_id=calendar.organization_id,
        calendar_id=calendar.id,
        number=calendar.current_version,
        epoch_at=editor.now.replace(hour=0, minute=0, second=0, microsecond=0),
        created_at=editor.now,
        created_by=editor.by,
        note=editor.note,
        **checked,
    )
    session.add(version)
    await session.flush()
    return version


async def _refuse_too_few_hours(session: AsyncSession, calendar: Calendar, hours: pure.Calendar, now: datetime) -> None:
    """Refuse hours in which a new ticket's clock could not come due, for then none could be opened."""
    statement = (
        select(Policy.name, PolicyVersion.targets, PolicyVersion.thresholds)
        .join(PolicyVersion, (PolicyVersion.policy_id == Policy.id) & (PolicyVersion.number == Policy.current_version))
        .where(PolicyVersion.calendar_id == calendar.id, Policy.active)
        .order_by(Policy.name)
    )
    for name, targets, thresholds in (await session.execute(statement)).all():
        longest = furthest(targets, thresholds)
        try:
            hours.advance(now, longest.seconds)
        except pure.CalendarNeverOpen as error:
            raise pure.CalendarNeverOpen(
                f"the policy {name!r} promises {longest.minutes} minutes, and the calendar opens for too little within "
                "five years"
            ) from error
