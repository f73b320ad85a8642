"""Make public holidays exceptions of a calendar; what was set by hand stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from helpdesk.sla.calendars.holiday_lists import HolidayList, public_holidays


@dataclass(frozen=True)
class HolidayRequest:
    """Which holidays a calendar is to have.

    Attributes:
        hours: windows in which the calendar is open on those dates, such as the morning of half a day; none closes it.
        skip: dates that are not to become exceptions.
    """

    country: str
    years: Sequence[int]
    subdivision: str | None = None
    categories: Sequence[str] = ()
    language: str | None = None
    hours: Sequence[Sequence[str]] = ()
    skip: frozenset[date] = frozenset()


@dataclass(frozen=True)
class FoundHolidays:
    """The list that was asked for, and what its dates are to become."""

    found: HolidayList
    hours: list[list[str]] = field(default_factory=list)
    skip: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Merged:
    """A calendar's definition with holidays: the dates that became exceptions, and those that were some before."""

    definition: dict[str, Any]
    added: tuple[date, ...] = ()
    kept: tuple[date, ...] = ()


def find_holidays(requests: Sequence[HolidayRequest]) -> list[FoundHolidays]:
    """Look up what is asked for; it takes a moment, so that no transaction should be open.

    Raises:
        UnknownHolidays: a country, subdivision, category, language or year is not known.
    """
    return [
        FoundHolidays(
            public_holidays(
                request.country,
                years=request.years,
                subdivision=request.subdivision,
                categories=request.categories,
                language=request.language,
            ),
            [list(window) for window in request.hours],
            request.skip,
        )
        for request in requests
    ]


def with_holidays(definition: Mapping[str, Any], lists: Sequence[FoundHolidays]) -> Merged:
    """Add holidays to the exceptions of a definition; a date that is an exception already keeps its own hours.

    A date that is in two lists is taken from the first.
    """
    exceptions = dict(definition.get("exceptions") or {})
    holidays = dict(definition.get("holidays") or {})
    before = set(exceptions)
    added, kept = set(), set()
    for each in lists:
        for day, name in each.found.days.items():
            text = day.isoformat()
            if day in each.skip:
                continue
            if text in before:
                kept.add(day)
            elif text not in exceptions:
                added.add(day)
                exceptions[text] = each.hours
                holidays[text] = _origin(each.found, name)
    merged = {**definition, "exceptions": exceptions, "holidays": holidays}
    return Merged(merged, tuple(sorted(added)), tuple(sorted(kept)))


def _origin(found: HolidayList, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "country": found.country,
        "subdivision": found.subdivision,
        "categories": list(found.categories),
        "library": found.library,
    }
