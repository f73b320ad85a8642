"""Business hours: when a calendar is open, how much open time lies between two instants, and when it has passed.

Open time is the union of the weekly windows in the calendar's zone. A window may cross midnight (its end is not
after its start) and may end at 24:00. A date with an exception takes everything inside [00:00, 24:00) of that local
date away, the tail of the evening before included, and puts its own windows there; where such a window crosses
midnight it goes on into the next date, unless that date is an exception too. The weekly window of an exception date
keeps the part that lies after midnight. Every wall time becomes an instant by zoneinfo with fold=0, so a window is
as long as it really was on a night when clocks change. `always_open` knows no exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from helpdesk.errors import Invalid
from helpdesk.sla.rules.hours import DAYS, Hours, Window
from helpdesk.sla.rules.intervals import Openings, Span, clip, subtract, union
from helpdesk.sla.rules.sentences import sentence_of

# A clock that would be due later than this after it last ran is taken never to be due.
HORIZON = timedelta(days=5 * 366)

_WHOLE_DAY: Window = (0, 24 * 60)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Blocks are cut in UTC, where no clock ever changes; four weeks keep both the count and the size of blocks small.
_BLOCK = timedelta(days=28) // _MICROSECOND
# Windows of dates this near may reach into a block: zones differ by a day, a window ends on the next day, and a zone
# that moves over the date line skips one.
_NEARBY = timedelta(days=3)


class InvalidCalendar(Invalid):
    """The calendar's hours cannot be read."""


class CalendarNeverOpen(InvalidCalendar):
    """The calendar does not open often enough for the clock ever to be due."""


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@dataclass(frozen=True)
class Piece:
    """What a window of a date keeps open, as far as no exception takes it away."""

    opens_at: datetime
    closes_at: datetime
    day: date
    window: Window
    is_exception: bool


@dataclass(frozen=True)
class Calendar:
    """Opening hours in one time zone; build it with `from_json`, which checks them."""

    timezone: str
    always_open: bool = False
    weekly: tuple[tuple[Window, ...], ...] = ((),) * 7
    exceptions: Mapping[date, tuple[Window, ...]] = field(default_factory=dict)
    _blocks: dict[int, Openings] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: Mapping[str, Any], *, where: str = "calendar") -> Self:
        """Read `{timezone, always_open?, weekly{mon..sun: [[from, to]]}, exceptions{date: [[from, to]]}}`.

        Raises:
            InvalidCalendar: a field is wrong; the sentence names it, under the name given as `where`.
        """
        try:
            hours = Hours.model_validate(value)
        except ValidationError as error:
            raise InvalidCalendar(sentence_of(error, within=where)) from error
        return cls(
            timezone=hours.timezone,
            always_open=hours.always_open,
            weekly=tuple(tuple(hours.weekly.get(day, [])) for day in DAYS),
            exceptions={day: tuple(windows) for day, windows in hours.exceptions.items()},
        )

    def open_intervals(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """List the open intervals within [start, end) in order, in UTC, each as long as it can be."""
        first, last = _micros(start), _micros(end)
        if self.always_open:
            spans = clip([(first, last)], first, last)
        else:
            blocks = range(first // _BLOCK, last // _BLOCK + 1)
            spans = clip(union(span for block in blocks for span in self._block(block).spans), first, last)
        return ((_instant(opening), _instant(closing)) for opening, closing in spans)

    def pieces(self, start: datetime, end: datetime) -> Iterator[Piece]:
        """List the windows that open within [start, end), by date and cut to it; they may overlap.

        What they are does not matter to a calendar that is always open.
        """
        first, last = _micros(start), _micros(end)
        for span, day, window, is_exception in self._pieces_near(first, last):
            for opening, closing in clip([span], first, last):
                yield Piece(_instant(opening), _instant(closing), day, window, is_exception)

    def open_time(self, start: datetime, end: datetime) -> timedelta:
        """Measure the open time in [start, end) exactly; nothing when end is not after start."""
        first, last = _micros(start), _micros(end)
        if last <= first:
            return timedelta()
        return timedelta(microseconds=last - first if self.always_open else self._measure(first, last))

    def open_seconds(self, start: datetime, end: datetime) -> int:
        """Count the whole open seconds in [start, end)."""
        return self.open_time(start, end) // timedelta(seconds=1)

    def reach(self, start: datetime, span: timedelta) -> datetime:
        """Find the earliest instant, in UTC, with `span` of open time since `start`: a closing time before an opening.

        Raises:
            CalendarNeverOpen: that much open time does not come within five years.
        """
        first, amount = _micros(start), max(0, span // _MICROSECOND)
        return _instant(first + amount if self.always_open or not amount else self._reach(first, amount))

    def advance(self, start: datetime, seconds: int) -> datetime:
        """Find the earliest instant with `seconds` open seconds since `start`; see `reach`."""
        return self.reach(start, timedelta(seconds=seconds))

    def ensure_opens(self, start: datetime) -> None:
        """Refuse a calendar that does not open within five years of `start`.

        Raises:
            CalendarNeverOpen: it does not.
        """
        self.reach(start, _MICROSECOND)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _measure(self, start: int, end: int) -> int:
        first, last = start // _BLOCK, end // _BLOCK
        whole = sum(self._block(block).total for block in range(first, last))
        return whole + self._block(last).before(end) - self._block(first).before(start)

    def _reach(self, start: int, amount: int) -> int:
        latest = start + HORIZON // _MICROSECOND
        first = start // _BLOCK
        amount += self._block(first).before(start)
        for number in range(first, latest // _BLOCK + 1):
            block = self._block(number)
            if amount <= block.total:
                found = block.reach(amount)
                if found <= latest:
                    return found
                break
            amount -= block.total
        since = _instant(start).date().isoformat()
        raise CalendarNeverOpen(f"the calendar does not open for long enough within five years of {since}")

    def _block(self, number: int) -> Openings:
        block = self._blocks.get(number)
        if block is None:
            start = number * _BLOCK
            block = Openings(clip(self._openings_near(start, start + _BLOCK), start, start + _BLOCK))
            self._blocks[number] = block
        return block

    def _openings_near(self, start: int, end: int) -> list[Span]:
        return union(span for span, *_ in self._pieces_near(start, end))

    def _pieces_near(self, start: int, end: int) -> Iterator[tuple[Span, date, Window, bool]]:
        """List what exceptions leave of the windows of the dates near [start, end), and whether those are their own."""
        first, last = (_instant(start) - _NEARBY).date(), (_instant(end) + _NEARBY).date()
        dates = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
        replaced = {day: self._span(day, _WHOLE_DAY) for day in dates if day in self.exceptions}
        for day in dates:
            usual = [(window, False) for window in self.weekly[day.weekday()]]
            own = [(window, True) for window in self.exceptions.get(day, ())]
            for window, is_own in usual + own:
                span = self._span(day, window)
                others = (hole for other, hole in replaced.items() if not (is_own and other == day))
                holes = [hole for hole in others if _meet(hole, span)]
                for piece in subtract([span], holes) if holes else [span]:
                    yield piece, day, window, is_own

    def _span(self, day: date, window: Window) -> Span:
        return self._wall(day, window[0]), self._wall(day, window[1])

    def _wall(self, day: date, minute: int) -> int:
        days, rest = divmod(minute, 24 * 60)
        day += timedelta(days=days)
        return _micros(datetime(day.year, day.month, day.day, rest // 60, rest % 60, tzinfo=self._zone))
