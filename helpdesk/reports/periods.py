"""Periods of whole days where the organisation is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from helpdesk.errors import Invalid

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
# A year is compared week by week, and has up to 53 of them.
MOST_WEEKS = 53
# Without a period given: this week, as far as it has come, and the three before.
_USUAL_WEEKS = 4
# Midnight can be told in any zone within these.
_FIRST_YEAR, _LAST_YEAR = 1900, 2999


class PeriodRefused(Invalid):
    """The period cannot be reported."""


@dataclass(frozen=True)
class Period:
    """Days in a zone, from the first to the last one, both included.

    Attributes:
        zone: IANA name of the zone whose midnights bound the days.
    """

    first: date
    last: date
    zone: str

    @property
    def starts(self) -> datetime:
        """Return its first instant (UTC)."""
        return midnight(self.first, self.zone)

    @property
    def ends(self) -> datetime:
        """Return the first instant after it (UTC)."""
        return midnight(self.last + _DAY, self.zone)

    @property
    def days(self) -> list[date]:
        """Return each of its days."""
        return [self.first + number * _DAY for number in range((self.last - self.first).days + 1)]

    @property
    def mondays(self) -> list[date]:
        """Return the Monday of each week that it touches."""
        first = self.first - timedelta(days=self.first.weekday())
        return [first + number * _WEEK for number in range((self.last - first) // _WEEK + 1)]


def period_of(first: date | None, last: date | None, *, now: datetime, zone: str) -> Period:
    """Return the period somebody asked for: up to today unless told otherwise, over four weeks unless told otherwise.

    Raises:
        PeriodRefused: it ends before it begins, is longer than 53 weeks or in another age.
    """
    last = last or now.astimezone(ZoneInfo(zone)).date()
    if any(day and not _FIRST_YEAR <= day.year <= _LAST_YEAR for day in (first, last)):
        raise PeriodRefused(f"A period lies between the years {_FIRST_YEAR} and {_LAST_YEAR}.")
    first = first or last - timedelta(days=last.weekday()) - (_USUAL_WEEKS - 1) * _WEEK
    if last < first:
        raise PeriodRefused(f"The period ends on {last}, before it begins on {first}.")
    if last - first >= MOST_WEEKS * _WEEK:
        raise PeriodRefused(f"The period is longer than {MOST_WEEKS} weeks.")
    return Period(first, last, zone)


def midnight(day: date, zone: str) -> datetime:
    """Return when a day begins in a zone (UTC)."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def week_name(monday: date) -> str:
    """Return the name of a week, such as `2026-W10` (ISO 8601)."""
    year, number, _ = monday.isocalendar()
    return f"{year}-W{number:02}"
