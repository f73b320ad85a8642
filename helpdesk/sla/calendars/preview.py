"""Show when a calendar opens next, and what makes it so: its week, or an exception."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from helpdesk.errors import Invalid
from helpdesk.sla.rules.calendar import HORIZON, Calendar, Piece
from helpdesk.sla.rules.hours import wall_times

USUAL_DAYS = 14
MOST_DAYS = 400
MOST_OPENINGS = 200

# An opening is followed this far past the ends of the period; one that is longer has no end worth telling.
_BEYOND = timedelta(days=8)
# A count of openings is looked for in ever longer stretches: most calendars have them in the first.
_STRETCHES = (timedelta(days=30), timedelta(days=400), HORIZON)
_EARLIEST, _LATEST = datetime(1971, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class PeriodNotShown(Invalid):
    """The time asked for is too far away."""


class Reason(StrEnum):
    """What opens a calendar."""

    WEEKLY = "weekly"
    EXCEPTION = "exception"
    ALWAYS_OPEN = "always_open"


@dataclass(frozen=True)
class Maker:
    """A window that opens the calendar, by the date it belongs to.

    Attributes:
        holiday: the name of the date, if it is a public holiday.
    """

    reason: Reason
    day: date | None = None
    window: tuple[str, ...] = ()
    holiday: str | None = None


@dataclass(frozen=True)
class Opening:
    """A time without a break in which the calendar is open; an end is None when it is more than a week away."""

    opens_at: datetime | None
    closes_at: datetime | None
    opens_local: datetime | None
    closes_local: datetime | None
    made_by: list[Maker]


@dataclass(frozen=True)
class ExceptionDay:
    """A date that goes by hours of its own; none is closed."""

    day: date
    windows: list[list[str]]
    holiday: str | None


@dataclass(frozen=True)
class CalendarPreview:
    """What a calendar does in [start, end)."""

    timezone: str
    start: datetime
    end: datetime
    open_at_start: bool
    open_s: int
    openings: list[Opening]
    exceptions: list[ExceptionDay]


def preview(
    calendar: Calendar,
    *,
    start: datetime,
    days: int | None = None,
    count: int | None = None,
    names: Mapping[date, str] | None = None,
) -> CalendarPreview:
    """List the openings of some days from `start`, at most `count` of them (200 without one).

    Args:
        days: None looks as far as `count` openings need, or two weeks ahead without a count.
        names: of the exceptions that are public holidays.

    Raises:
        PeriodNotShown: `start` is before 1971 or after 2199.
    """
    if not _EARLIEST <= start < _LATEST:
        raise PeriodNotShown("from: a preview begins between 1971 and 2199.")
    end = start + _length(calendar, start, days=days, count=count)
    found = _intervals(calendar, start, end)
    most = MOST_OPENINGS if count is None else count
    if len(found) > most:
        found = found[:most]
        end = min(end, found[-1][1])
    named = names or {}
    zone = ZoneInfo(calendar.timezone)
    return CalendarPreview(
        timezone=calendar.timezone,
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        open_at_start=bool(found) and found[0][0] <= start,
        open_s=calendar.open_seconds(start, end),
        openings=_openings(calendar, found, start, end, named),
        exceptions=_exceptions(calendar, start.astimezone(zone).date(), end.astimezone(zone), named),
    )


def _length(calendar: Calendar, start: datetime, *, days: int | None, count: int | None) -> timedelta:
    if days is not None or count is None:
        return timedelta(days=days or USUAL_DAYS)
    for stretch in _STRETCHES:
        if len(_intervals(calendar, start, start + stretch)) > count:
            return stretch
    return HORIZON


def _intervals(calendar: Calendar, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    around = calendar.open_intervals(start - _BEYOND, end + _BEYOND)
    return [(opens_at, closes_at) for opens_at, closes_at in around if closes_at > start and opens_at < end]


def _openings(
    calendar: Calendar,
    found: list[tuple[datetime, datetime]],
    start: datetime,
    end: datetime,
    names: Mapping[date, str],
) -> list[Opening]:
    zone = ZoneInfo(calendar.timezone)
    makers = _makers(calendar, found, calendar.pieces(start, end), names)
    openings = []
    for (opens_at, closes_at), made_by in zip(found, makers, strict=True):
        opens = opens_at if opens_at > start - _BEYOND else None
        closes = closes_at if closes_at < end + _BEYOND else None
        openings.append(
            Opening(
                opens_at=opens,
                closes_at=closes,
                opens_local=opens and opens.astimezone(zone),
                closes_local=closes and closes.astimezone(zone),
                made_by=made_by,
            )
        )
    return openings


def _makers(
    calendar: Calendar, found: list[tuple[datetime, datetime]], pieces: Iterable[Piece], names: Mapping[date, str]
) -> list[list[Maker]]:
    if calendar.always_open:
        return [[Maker(Reason.ALWAYS_OPEN)] for _ in found]
    starts = [opens_at for opens_at, _ in found]
    # A window that an exception cuts in two is still one maker: keys, in order, once each.
    makers: list[dict[Maker, None]] = [{} for _ in found]
    for piece in sorted(pieces, key=lambda piece: piece.opens_at):
        reason = Reason.EXCEPTION if piece.is_exception else Reason.WEEKLY
        holiday = names.get(piece.day) if piece.is_exception else None
        maker = Maker(reason, piece.day, tuple(wall_times(piece.window)), holiday)
        makers[bisect_right(starts, piece.opens_at) - 1][maker] = None
    return [list(each) for each in makers]


def _exceptions(calendar: Calendar, first: date, end: datetime, names: Mapping[date, str]) -> list[ExceptionDay]:
    if calendar.always_open:
        return []
    last = (end - timedelta.resolution).date()
    return [
        ExceptionDay(day, [wall_times(window) for window in windows], names.get(day))
        for day, windows in sorted(calendar.exceptions.items())
        if first <= day <= last
    ]
