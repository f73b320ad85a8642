"""Weeks as people have them: Monday to Sunday where the organisation is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from helpdesk.reports.periods import Period, midnight, week_name

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Week:
    """A week in a zone.

    Attributes:
        monday: its first day.
        zone: IANA name of the zone whose midnights bound it.
    """

    monday: date
    zone: str

    @property
    def starts(self) -> datetime:
        """Return its first instant (UTC)."""
        return midnight(self.monday, self.zone)

    @property
    def ends(self) -> datetime:
        """Return the first instant after it (UTC); 167 or 169 hours later where the clocks change."""
        return midnight(self.monday + _WEEK, self.zone)

    @property
    def days(self) -> list[date]:
        """Return its seven days."""
        return self.period().days

    @property
    def name(self) -> str:
        """Return its name, such as `2026-W10` (ISO 8601)."""
        return week_name(self.monday)

    def earlier(self, weeks: int = 1) -> Week:
        """Return the week so many weeks before."""
        return Week(self.monday - weeks * _WEEK, self.zone)

    def period(self, weeks: int = 1) -> Period:
        """Return the period of so many weeks that ends with this one."""
        return Period(self.earlier(weeks - 1).monday, self.monday + _WEEK - _DAY, self.zone)


def last_week(now: datetime, *, zone: str) -> Week:
    """Return the last week that is over at an instant."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return Week(today - timedelta(days=today.weekday()) - _WEEK, zone)
