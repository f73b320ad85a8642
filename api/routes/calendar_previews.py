"""What calendars do next, and what a change of theirs would do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.dependencies import CurrentUser, ReadSession, ServicesOfApp, Visitor
from api.routes.holidays import look_up
from api.schemas.calendars import CalendarChanges, CalendarHours, CalendarPreviewView
from api.schemas.policies import PreviewView
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.sla.calendars.holiday_exceptions import with_holidays
from helpdesk.sla.calendars.preview import MOST_DAYS, MOST_OPENINGS, preview
from helpdesk.sla.calendars.queries import calendar_by_id
from helpdesk.sla.policies.change_preview import preview_change
from helpdesk.sla.policies.hypotheses import if_calendar_changed
from helpdesk.sla.rules.calendar import Calendar

router = APIRouter(prefix="/calendars", tags=["calendars"])

_From = Annotated[AwareDatetime | None, Query(alias="from", description="Default: now.")]
_Days = Annotated[int | None, Query(ge=1, le=MOST_DAYS, description="Default: 14, or as many as `count` needs.")]
_Count = Annotated[int | None, Query(ge=1, le=MOST_OPENINGS, description="Stop after so many openings.")]


@router.post("/preview", summary="Try business hours")
async def preview_hours(
    hours: CalendarHours, visitor: Visitor, start: _From = None, days: _Days = None, count: _Count = None
) -> CalendarPreviewView:
    """Show when business hours would be open; nothing is stored."""
    lists = await look_up(hours.holidays)
    definition = with_holidays(hours.model_dump(exclude={"holidays"}), lists).definition
    calendar = Calendar.from_json(definition)
    calendar.ensure_opens(visitor.now)
    names = {date.fromisoformat(day): origin["name"] for day, origin in definition["holidays"].items()}
    return await _preview(calendar, names, start=start or visitor.now, days=days, count=count)


@router.get("/{calendar_id}/preview", summary="Show when a calendar opens")
async def preview_calendar(
    *,
    calendar_id: UUID,
    session: ReadSession,
    user: CurrentUser,
    start: _From = None,
    days: _Days = None,
    count: _Count = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the one in force.")] = None,
) -> CalendarPreviewView:
    """Read the next openings, what makes each of them, and the dates on which exceptions apply."""
    found = await calendar_by_id(
        session, organization_id=user.organization_id, calendar_id=calendar_id, version=version
    )
    return await _preview(found.hours(), found.holiday_names(), start=start or user.now, days=days, count=count)


@router.post("/{calendar_id}/preview-change", summary="See what a change of a calendar would do")
async def preview_calendar_change(
    calendar_id: UUID, changes: CalendarChanges, services: ServicesOfApp, user: Visitor
) -> PreviewView:
    """Compute which clocks of open tickets would change if the calendar were changed now; nothing is stored.

    Takes the role lead.
    """
    require_role(user.role, UserRole.LEAD)
    lists = await look_up(changes.holidays)
    scope = user.organization_id
    async with services.database.snapshot(scope) as session:
        found = await calendar_by_id(session, organization_id=scope, calendar_id=calendar_id)
        changed = changes.model_dump(exclude={"name", "note", "holidays"}, exclude_none=True)
        definition = with_holidays({**found.definition(), **changed}, lists).definition
        calendar = Calendar.from_json(definition, where=found.name)
        calendar.ensure_opens(user.now)
        hypothesis = await if_calendar_changed(
            session, organization_id=scope, calendar_id=calendar_id, calendar=calendar, now=user.now
        )
        return PreviewView.model_validate(
            await preview_change(session, organization_id=scope, hypothesis=hypothesis, now=user.now)
        )


async def _preview(
    calendar: Calendar, names: Mapping[date, str], *, start: datetime, days: int | None, count: int | None
) -> CalendarPreviewView:
    # Years of a calendar that hardly ever opens take a while to walk; other requests go on meanwhile.
    shown = await asyncio.to_thread(preview, calendar, start=start, days=days, count=count, names=names)
    return CalendarPreviewView.model_validate(shown)
