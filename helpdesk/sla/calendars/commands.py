"""Set up business hours and change them; every change of hours is a version, and no version changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict
from helpdesk.models import sla as tables
from helpdesk.sla.calendars.holiday_exceptions import FoundHolidays, Merged, with_holidays
from helpdesk.sla.calendars.queries import CalendarNotFound, definition_of
from helpdesk.sla.calendars.versions import Editor, add_version, check_definition, current_version, store_version

Definition: TypeAlias = Mapping[str, Any]
_UNIQUE_VIOLATION = "23505"


class CalendarNameTaken(Conflict):
    """Another calendar has this name."""


class CalendarChanged(Conflict):
    """Somebody else has changed the calendar in the meantime."""


class CalendarInUse(Conflict):
    """The calendar belongs to policies, and clocks are explained by it."""


async def create_calendar(
    session: AsyncSession,
    *,
    organization_id: UUID,
    name: str,
    definition: Definition,
    now: datetime,
    by: UUID | None = None,
    note: str | None = None,
) -> tables.Calendar:
    """Store business hours under a name.

    Args:
        definition: `{timezone, always_open?, weekly?, exceptions?, holidays?}`, the last as `with_holidays` writes it.
        by: the user who does.

    Raises:
        InvalidCalendar: the hours cannot be read.
        CalendarNeverOpen: they never open within five years.
        CalendarNameTaken: another calendar has the name.
    """
    checked = check_definition(definition, name=name, now=now)
    calendar = tables.Calendar(id=new_id(), organization_id=organization_id, name=name, current_version=1)
    async with _unique_name(session, name):
        session.add(calendar)
    await store_version(session, calendar=calendar, checked=checked, editor=Editor(now, by, note))
    return calendar


async def change_calendar(
    session: AsyncSession,
    *,
    organization_id: UUID,
    calendar_id: UUID,
    definition: Definition,
    now: datetime,
    by: UUID | None,
    note: str | None,
    lists: Sequence[FoundHolidays] = (),
    expected_version: int | None = None,
) -> tables.CalendarVersion:
    """Give a calendar other hours, and return the version that is in force then; equal hours make no new one.

    The open tickets under policies on this calendar follow in the background. Fields that the definition leaves out
    stay as they are; a holiday keeps its name as long as its date is an exception.

    Args:
        lists: holidays to be added to the exceptions.
        expected_version: the version that the change is meant for.

    Raises:
        CalendarNotFound: there is no such calendar.
        CalendarChanged: another version is in force by now.
        InvalidCalendar, CalendarNeverOpen: the hours cannot be read, or never open.
    """
    calendar = await _locked(session, organization_id, calendar_id, expected_version)
    before = definition_of(await current_version(session, calendar=calendar))
    merged = with_holidays({**before, **definition}, lists)
    return await add_version(session, calendar=calendar, definition=merged.definition, editor=Editor(now, by, note))


async def rename_calendar(
    session: AsyncSession,
    *,
    organization_id: UUID,
    calendar_id: UUID,
    name: str,
    expected_version: int | None = None,
) -> None:
    """Give a calendar another name, which makes no version.

    Raises:
        CalendarNotFound, CalendarChanged: there is no such calendar, or it has another version by now.
        CalendarNameTaken: another calendar has the name.
    """
    calendar = await _locked(session, organization_id, calendar_id, expected_version)
    async with _unique_name(session, name):
        calendar.name = name


async def add_holidays(
    session: AsyncSession,
    *,
    organization_id: UUID,
    calendar_id: UUID,
    lists: Sequence[FoundHolidays],
    now: datetime,
    by: UUID | None,
    note: str | None,
    expected_version: int | None = None,
) -> Merged:
    """Make holidays exceptions of a calendar, in a version of its own; tell which dates were added, which kept.

    Raises:
        CalendarNotFound, CalendarChanged, InvalidCalendar, CalendarNeverOpen: as for a change.
    """
    calendar = await _locked(session, organization_id, calendar_id, expected_version)
    merged = with_holidays(definition_of(await current_version(session, calendar=calendar)), lists)
    await add_version(session, calendar=calendar, definition=merged.definition, editor=Editor(now, by, note))
    return merged


async def delete_calendar(session: AsyncSession, *, organization_id: UUID, calendar_id: UUID) -> None:
    """Remove a calendar that no policy has ever gone by, with its versions.

    Raises:
        CalendarNotFound: there is no such calendar.
        CalendarInUse: a version of a policy names it.
    """
    calendar = await _locked(session, organization_id, calendar_id, None)
    names = await session.scalars(
        select(tables.Policy.name)
        .join(tables.PolicyVersion, tables.PolicyVersion.policy_id == tables.Policy.id)
        .where(tables.PolicyVersion.calendar_id == calendar.id)
        .distinct()
        .order_by(tables.Policy.name)
    )
    if policies := list(names):
        raise CalendarInUse(f"The calendar is or was used by: {', '.join(policies)}.", policies=policies)
    await session.execute(delete(tables.Calendar).where(tables.Calendar.id == calendar.id))


async def _locked(
    session: AsyncSession, organization_id: UUID, calendar_id: UUID, expected_version: int | None
) -> tables.Calendar:
    calendar = await session.scalar(
        select(tables.Calendar)
        .where(tables.Calendar.organization_id == organization_id, tables.Calendar.id == calendar_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if calendar is None:
        raise CalendarNotFound(f"There is no calendar {calendar_id}.")
    if expected_version is not None and calendar.current_version != expected_version:
        raise CalendarChanged(f"The calendar is at version {calendar.current_version} by now, not {expected_version}.")
    return calendar


@asynccontextmanager
async def _unique_name(session: AsyncSession, name: str) -> AsyncIterator[None]:
    """Turn the database's refusal of a second one into a sentence, and keep the transaction usable."""
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
            raise CalendarNameTaken(f"There is already a calendar named {name!r}.") from error
        raise
