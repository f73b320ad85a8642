"""Business hours: calendars and their versions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response, status

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction, Visitor, needs
from api.paging import PageOf, Paging
from api.preconditions import ExpectedVersion, entity_tag
from api.routes.holidays import look_up
from api.schemas.calendars import (
    CalendarChanges,
    CalendarSummary,
    CalendarVersionView,
    CalendarView,
    HolidaysStored,
    HolidaysToStore,
    NewCalendar,
)
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.sla.calendars import commands, queries
from helpdesk.sla.calendars.holiday_exceptions import FoundHolidays, with_holidays

router = APIRouter(prefix="/calendars", tags=["calendars"])
_ADMIN = [needs(UserRole.ADMIN)]

_Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


# Before the transaction opens, since looking holidays up takes a moment.
async def _asked_new(new: NewCalendar, visitor: Visitor) -> tuple[NewCalendar, list[FoundHolidays]]:
    require_role(visitor.role, UserRole.ADMIN)
    return new, await look_up(new.holidays)


async def _asked_changes(changes: CalendarChanges, visitor: Visitor) -> tuple[CalendarChanges, list[FoundHolidays]]:
    require_role(visitor.role, UserRole.ADMIN)
    return changes, await look_up(changes.holidays)


async def _asked_holidays(asked: HolidaysToStore, visitor: Visitor) -> tuple[HolidaysToStore, list[FoundHolidays]]:
    require_role(visitor.role, UserRole.ADMIN)
    return asked, await look_up([asked])


@router.get("", summary="List calendars", dependencies=[FROM_REPLICA])
async def list_calendars(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[CalendarSummary]:
    """Read the organisation's calendars as they are now, the oldest first."""
    rows = await queries.list_calendars(
        session, organization_id=user.organization_id, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, CalendarSummary.model_validate, lambda row: (row.id,))


@router.post("", status_code=status.HTTP_201_CREATED, summary="Make a calendar", dependencies=_ADMIN)
async def create_calendar(
    asked: Annotated[tuple[NewCalendar, list[FoundHolidays]], Depends(_asked_new)],
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> CalendarView:
    """Store business hours as version 1; takes the role admin. Hours that never open within five years are refused."""
    new, lists = asked
    calendar = await commands.create_calendar(
        session,
        organization_id=user.organization_id,
        name=new.name,
        definition=with_holidays(new.model_dump(exclude={"name", "note", "holidays"}), lists).definition,
        now=now,
        by=user.id,
        note=new.note,
    )
    response.headers["Location"] = f"/api/v1/calendars/{calendar.id}"
    return await _view(session, user, calendar.id, response)


@router.get("/{calendar_id}", summary="Read a calendar")
async def read_calendar(calendar_id: UUID, response: Response, session: ReadSession, user: CurrentUser) -> CalendarView:
    """Read a calendar with the hours in force."""
    return await _view(session, user, calendar_id, response)


@router.patch("/{calendar_id}", summary="Change a calendar", dependencies=_ADMIN)
async def update_calendar(
    *,
    calendar_id: UUID,
    asked: Annotated[tuple[CalendarChanges, list[FoundHolidays]], Depends(_asked_changes)],
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> CalendarView:
    """Put other hours in force as a new version; takes the role admin. Open tickets follow in the background.

    Hours that are the same make no version, nor does another name alone.
    """
    changes, lists = asked
    where = {"organization_id": user.organization_id, "calendar_id": calendar_id}
    if changes.name is not None:
        await commands.rename_calendar(session, **where, name=changes.name, expected_version=expected)
    await commands.change_calendar(
        session,
        **where,
        definition=changes.model_dump(exclude={"name", "note", "holidays"}, exclude_none=True),
        lists=lists,
        now=now,
        by=user.id,
        note=changes.note,
        expected_version=expected,
    )
    return await _view(session, user, calendar_id, response)


@router.delete(
    "/{calendar_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Remove a calendar", dependencies=_ADMIN
)
async def delete_calendar(calendar_id: UUID, session: Transaction, user: CurrentUser) -> None:
    """Remove a calendar that no policy has ever used, with its versions; takes the role admin."""
    await commands.delete_calendar(session, organization_id=user.organization_id, calendar_id=calendar_id)


@router.get("/{calendar_id}/versions", summary="List a calendar's versions", dependencies=[FROM_REPLICA])
async def list_versions(
    calendar_id: UUID, session: ReadSession, user: CurrentUser, page: Paging
) -> PageOf[CalendarVersionView]:
    """Read how the hours were, by whom and why, the newest version first."""
    rows = await queries.versions_of(
        session,
        organization_id=user.organization_id,
        calendar_id=calendar_id,
        before=page.after_number(),
        limit=page.look_ahead,
    )
    return page.of(rows, CalendarVersionView.model_validate, lambda row: (row.version,))


@router.get("/{calendar_id}/versions/{number}", summary="Read a version of a calendar")
async def read_version(
    calendar_id: UUID, number: _Number, session: ReadSession, user: CurrentUser
) -> CalendarVersionView:
    """Read the hours that one version put in force."""
    found = await queries.calendar_by_id(
        session, organization_id=user.organization_id, calendar_id=calendar_id, version=number
    )
    return CalendarVersionView.model_validate(found)


@router.post("/{calendar_id}/holidays", summary="Store public holidays", dependencies=_ADMIN)
async def store_holidays(
    *,
    calendar_id: UUID,
    asked: Annotated[tuple[HolidaysToStore, list[FoundHolidays]], Depends(_asked_holidays)],
    expected: ExpectedVersion,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> HolidaysStored:
    """Make public holidays exceptions, in a version of their own; takes the role admin.

    A date that is an exception already keeps its hours. When all are, there is no new version.
    """
    wanted, lists = asked
    merged = await commands.add_holidays(
        session,
        organization_id=user.organization_id,
        calendar_id=calendar_id,
        lists=lists,
        now=now,
        by=user.id,
        note=wanted.note,
        expected_version=expected,
    )
    calendar = await _view(session, user, calendar_id, response)
    return HolidaysStored(added=list(merged.added), kept=list(merged.kept), calendar=calendar)


async def _view(session: ReadSession, user: CurrentUser, calendar_id: UUID, response: Response) -> CalendarView:
    found = await queries.calendar_by_id(session, organization_id=user.organization_id, calendar_id=calendar_id)
    response.headers["ETag"] = entity_tag(found.version)
    return CalendarView.model_validate(found)
