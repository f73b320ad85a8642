"""Say in a sentence why a stretch of a clock's life counted or did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from helpdesk.models.values import TicketStatus
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.history import SOLVED
from helpdesk.sla.rules.hours import wall_times

# A sentence names so many dates or windows, and counts the rest.
_NAMED = 4
_PART_NAMES = {
    "counted": ("stretch within office hours", "stretches within office hours"),
    "closed": ("outside", "outside"),
    "paused": ("pause", "pauses"),
    "solved": ("solved stretch", "solved stretches"),
}


def when_open(calendar: Calendar, start: datetime, end: datetime, holidays: Mapping[date, str]) -> str:
    """Name the windows that kept the calendar open."""
    if calendar.always_open:
        return "Open around the clock."
    pieces = {(piece.day, piece.window): piece.is_exception for piece in calendar.pieces(start, end)}
    windows = [
        f"{_special(day, holidays) if is_exception else f'{day:%a}'} {' to '.join(wall_times(window))}"
        for (day, window), is_exception in sorted(pieces.items())
    ]
    return f"Office hours {_listed(windows)}."


def when_closed(calendar: Calendar, start: datetime, end: datetime, holidays: Mapping[date, str]) -> str:
    """Name the exceptions among the dates of a stretch outside office hours."""
    zone = ZoneInfo(calendar.timezone)
    first, last = start.astimezone(zone).date(), (end - timedelta.resolution).astimezone(zone).date()
    days = sorted(day for day in calendar.exceptions if first <= day <= last)
    if not days:
        return "Outside office hours."
    said = [
        f"{_special(day, holidays)} has hours of its own" if calendar.exceptions[day] else _closed(day, holidays)
        for day in days
    ]
    return f"Outside office hours; {_listed(said)}."


def while_idle(status: TicketStatus) -> str:
    """Tell that a status held the clock."""
    name = status.replace("_", " ")
    if status in SOLVED:
        return f"The ticket was {name}; this time is left out."
    return f"Status {name} pauses this clock."


def merged(parts: Iterable[str]) -> str:
    """Count what has been put together into one stretch."""
    counts = Counter(str(part) for part in parts)
    said = [f"{count} {_PART_NAMES[kind][count > 1]}" for kind, count in counts.items()]
    return f"Put together: {_listed(said)}."


def duration(seconds: int) -> str:
    """Write a number of seconds like `1 h 30 min`, `45 min`, `50 s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{amount} {unit}" for amount, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if amount]
    return " ".join(parts) or "0 s"


def _special(day: date, holidays: Mapping[date, str]) -> str:
    name = holidays.get(day)
    return f"{day.isoformat()} ({name})" if name else day.isoformat()


def _closed(day: date, holidays: Mapping[date, str]) -> str:
    return f"{_special(day, holidays)} is closed"


def _listed(items: Iterable[str]) -> str:
    rest = iter(items)
    named = list(islice(rest, _NAMED))
    more = sum(1 for _ in rest)
    return ", ".join(named) + (f" and {more} more" if more else "")
