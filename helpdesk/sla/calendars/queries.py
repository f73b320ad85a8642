"""Read business hours, and how they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.accounts import User
from helpdesk.models.sla import Calendar, CalendarVersion, Policy, PolicyVersion
from helpdesk.sla.rules import calendar as pure
from helpdesk.sla.rules.hours import Hours


class CalendarNotFound(NotFound):
    """There is no such calendar."""


class CalendarVersionNotFound(NotFound):
    """The calendar has no such version."""


@dataclass(frozen=True)
class StoredHoliday:
    """An exception that is a public holiday, and the list it was taken from."""

    day: date
    name: str
    country: str
    subdivision: str | None
    categories: list[str]
    library: str


@dataclass(frozen=True)
class CalendarInVersion:
    """A calendar as one version has it.

    Attributes:
        version: number of the version shown; `current_version` is the one in force.
        created_at, changed_at: when the calendar and when this version were made.
        changed_by: name of who made the version, None for the system or somebody who is gone.
        policies: names of those whose present version goes by the calendar.
    """

    id: UUID
    name: str
    created_at: datetime
    current_version: int
    version: int
    timezone: str
    always_open: bool
    weekly: dict[str, Any]
    exceptions: dict[str, Any]
    holidays: list[StoredHoliday]
    note: str | None
    changed_at: datetime
    changed_by: str | None
    policies: list[str]

    def definition(self) -> dict[str, Any]:
        """Return the hours as they are written when they are made."""
        return {name: getattr(self, name) for name in ("timezone", "always_open", "weekly", "exceptions")}

    def hours(self) -> pure.Calendar:
        """Return what computes the openings."""
        return pure.Calendar.from_json(self.definition(), where=self.name)

    def holiday_names(self) -> dict[date, str]:
        """Return the names of the exceptions that have one."""
        return {holiday.day: holiday.name for holiday in self.holidays}


def definition_of(version: CalendarVersion) -> dict[str, Any]:
    """Return what a version says, as it is written when one is made."""
    hours = {
        "timezone": version.timezone,
        "always_open": version.always_open,
        "weekly": version.weekly,
        "exceptions": version.exceptions,
    }
    return Hours.model_validate(hours).as_json() | {"holidays": version.holidays}


async def list_calendars(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None = None, limit: int = 50
) -> list[CalendarInVersion]:
    """Return calendars as they are now, the oldest first."""
    statement = _versions(organization_id).where(CalendarVersion.number == Calendar.current_version)
    if after is not None:
        statement = statement.where(Calendar.id > after)
    return _read((await session.execute(statement.order_by(Calendar.id).limit(limit))).all())


async def calendar_by_id(
    session: AsyncSession, *, organization_id: UUID, calendar_id: UUID, version: int | None = None
) -> CalendarInVersion:
    """Return a calendar as it is now, or as a version has it.

    Raises:
        CalendarNotFound, CalendarVersionNotFound: there is none.
    """
    number = Calendar.current_version if version is None else version
    statement = _versions(organization_id).where(Calendar.id == calendar_id, CalendarVersion.number == number)
    found = _read((await session.execute(statement)).all())
    if found:
        return found[0]
    if version is None:
        raise CalendarNotFound(f"There is no calendar {calendar_id}.")
    await calendar_by_id(session, organization_id=organization_id, calendar_id=calendar_id)
    raise CalendarVersionNotFound(f"The calendar has no version {version}.")


async def calendar_by_name(session: AsyncSession, *, organization_id: UUID, name: str) -> CalendarInVersion:
    """Return the calendar of a name as it is now.

    Raises:
        CalendarNotFound: there is none.
    """
    statement = _versions(organization_id).where(
        Calendar.name == name, CalendarVersion.number == Calendar.current_version
    )
    found = _read((await session.execute(statement)).all())
    if not found:
        raise CalendarNotFound(f"There is no calendar named {name!r}.")
    return found[0]


async def versions_of(
    session: AsyncSession, *, organization_id: UUID, calendar_id: UUID, before: int | None = None, limit: int = 50
) -> list[CalendarInVersion]:
    """Return the versions of a calendar below a number, the newest first.

    Raises:
        CalendarNotFound: there is no such calendar.
    """
    statement = _versions(organization_id).where(Calendar.id == calendar_id)
    if before is not None:
        statement = statement.where(CalendarVersion.number < before)
    rows = (await session.execute(statement.order_by(CalendarVersion.number.desc()).limit(limit))).all()
    if not rows:
        await calendar_by_id(session, organization_id=organization_id, calendar_id=calendar_id)
    return _read(rows)


def _versions(organization_id: UUID) -> Select[Any]:
    policies = (
        select(func.array_agg(distinct(Policy.name)))
        .join(PolicyVersion, (PolicyVersion.policy_id == Policy.id) & (PolicyVersion.number == Policy.current_version))
        .where(PolicyVersion.calendar_id == Calendar.id)
        .correlate(Calendar)
        .scalar_subquery()
    )
    return (
        select(Calendar, CalendarVersion, User.name, policies)
        .join(CalendarVersion, CalendarVersion.calendar_id == Calendar.id)
        .outerjoin(User, User.id == CalendarVersion.created_by)
        .where(Calendar.organization_id == organization_id)
    )


def _read(rows: Sequence[Any]) -> list[CalendarInVersion]:
    return [
        CalendarInVersion(
            id=calendar.id,
            name=calendar.name,
            created_at=calendar.created_at,
            current_version=calendar.current_version,
            version=version.number,
            note=version.note,
            changed_at=version.created_at,
            changed_by=changed_by,
            policies=sorted(policies or ()),
            **{**definition_of(version), "holidays": _holidays(version.holidays)},
        )
        for calendar, version, changed_by, policies in rows
    ]


def _holidays(stored: Mapping[str, Any]) -> list[StoredHoliday]:
    return [StoredHoliday(day=date.fromisoformat(day), **origin) for day, origin in sorted(stored.items())]
