"""Weeks as people have them: Monday to Sunday where the organisation is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEK = timedelta(days=7)


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
        return _midnight(self.monday, self.zone)

    @property
    def ends(self) -> datetime:
        """Return the first instant after it (UTC); 167 or 169 hours later where the clocks change."""
        return _midnight(self.monday + _WEEK, self.zone)

    @property
    def days(self) -> list[date]:
        """Return its seven days."""
        return [self.monday + timedelta(days=number) for number in range(7)]

    @property
    def name(self) -> str:
        """Return its name, such as `2026-W10` (ISO 8601)."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02}"

    def earlier(self, weeks: int = 1) -> Week:
        """Return the week so many weeks before."""
        return Week(self.monday - weeks * _WEEK, self.zone)


def last_week(now: datetime, *, zone: str) -> Week:
    """Return the last week that is over at an instant."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return Week(today - timedelta(days=today.weekday()) - _WEEK, zone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
