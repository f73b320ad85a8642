"""Public holidays that calendars can take as exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from api.dependencies import FROM_REPLICA, CurrentUser, ReadSession, Visitor
from api.schemas.calendars import CountryNameView, CountryView, FoundHolidayView, HolidayListView, HolidaysAsked
from helpdesk.errors import Invalid
from helpdesk.sla.calendars.holiday_exceptions import FoundHolidays, HolidayRequest, find_holidays
from helpdesk.sla.calendars.holiday_lists import HolidayList, describe_country, list_countries, public_holidays
from helpdesk.sla.calendars.queries import calendar_by_id

router = APIRouter(prefix="/calendars/holidays", tags=["calendars"])


class YearsNotRead(Invalid):
    """The years cannot be read."""


async def look_up(asked: Sequence[HolidaysAsked]) -> list[FoundHolidays]:
    """Look holidays up in a thread: loading the library and a country takes a quarter of a second at first."""
    if not asked:
        return []
    requests = [
        HolidayRequest(**each.model_dump(exclude={"note", "skip"}), skip=frozenset(each.skip)) for each in asked
    ]
    return await asyncio.to_thread(find_holidays, requests)


async def _list_asked(
    *,
    visitor: Visitor,
    country: Annotated[str, Query(max_length=200, description="ISO 3166-1, such as AT.")],
    subdivision: Annotated[str | None, Query(max_length=200, description="Such as 9 or Wien.")] = None,
    years: Annotated[
        list[str] | None, Query(max_length=100, description="Such as `2026,2027`. Default: this year and the next.")
    ] = None,
    categories: Annotated[
        list[str] | None, Query(max_length=30, description="Such as `bank,half_day`. Default: the public ones.")
    ] = None,
    language: Annotated[
        str | None, Query(max_length=20, description="Of the names. Default: English where there is English.")
    ] = None,
) -> HolidayList:
    this_year = visitor.now.year
    return await asyncio.to_thread(
        public_holidays,
        country,
        years=_numbers(years) if years else [this_year, this_year + 1],
        subdivision=subdivision,
        categories=_words(categories or []),
        language=language,
    )


@router.get("", summary="List public holidays", dependencies=[FROM_REPLICA])
async def list_holidays(
    found: Annotated[HolidayList, Depends(_list_asked)],
    session: ReadSession,
    user: CurrentUser,
    calendar_id: Annotated[UUID | None, Query(description="Show which are exceptions of this calendar.")] = None,
) -> HolidayListView:
    """Read the public holidays of a country, or of a part of it, before they are stored."""
    exceptions: Mapping[str, Any] = {}
    if calendar_id is not None:
        calendar = await calendar_by_id(session, organization_id=user.organization_id, calendar_id=calendar_id)
        exceptions = calendar.exceptions
    return HolidayListView(
        country=found.country,
        subdivision=found.subdivision,
        categories=list(found.categories),
        language=found.language,
        library=found.library,
        calendar_id=calendar_id,
        holidays=[
            FoundHolidayView(date=day, name=name, exception=exceptions.get(day.isoformat()))
            for day, name in found.days.items()
        ],
    )


@router.get("/countries", summary="List countries with public holidays")
async def countries(_visitor: Visitor) -> list[CountryNameView]:
    """Read which countries and subdivisions there are lists for."""
    return [CountryNameView.model_validate(country) for country in await asyncio.to_thread(list_countries)]


@router.get("/countries/{country}", summary="Read what a country's holidays can be asked by")
async def read_country(country: Annotated[str, Path(max_length=200)], _visitor: Visitor) -> CountryView:
    """Read a country's subdivisions with their names, its categories, languages, and the years that are known."""
    return CountryView.model_validate(await asyncio.to_thread(describe_country, country))


def _words(values: Sequence[str]) -> list[str]:
    return [word for value in values for word in value.split(",") if word]


def _numbers(values: Sequence[str]) -> list[int]:
    try:
        return [int(word) for word in _words(values)]
    except ValueError as error:
        raise YearsNotRead("years: write them like 2026,2027.") from error
