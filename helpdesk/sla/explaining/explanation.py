"""Explain a clock: which stretches of its life counted, which did not and why, and what happened in between.

The stretches lie end to end from the clock's start to its end, or to the instant of looking, and what they counted
adds up to its elapsed time. They are cut by the terms in force at the end, because those are what the whole life is
measured by; the marks tell which terms were in force before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import TypeVar

from helpdesk.models.values import TicketStatus
from helpdesk.sla.explaining.marks import Mark, Names, marks_of
from helpdesk.sla.explaining.words import merged, when_closed, when_open, while_idle
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import Clock, Event, Policy, evaluate
from helpdesk.sla.rules.history import SOLVED

# What lies between the first and the last so many stretches of a long life is put together into so many.
HEAD, MIDDLE, TAIL = 60, 60, 80

_SECOND = timedelta(seconds=1)
_T = TypeVar("_T")


class IntervalKind(StrEnum):
    """What a clock did over a stretch of time."""

    COUNTED = "counted"
    CLOSED = "closed"
    PAUSED = "paused"
    SOLVED = "solved"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch [start, end): `counted_s` of it counted; `elapsed_s` and `elapsed_pct` are the clock's at its end."""

    kind: IntervalKind
    start: datetime
    end: datetime
    counted_s: int
    elapsed_s: int
    elapsed_pct: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A clock with the stretches of its life and the marks in between, both in order of time.

    `policy` and `calendar` are names where they are known; `timezone` is the calendar's.
    """

    clock: Clock
    policy: str
    calendar: str
    timezone: str
    intervals: tuple[Interval, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """An interval in the making; `status` is what held the clock, if something did."""

    start: datetime
    end: datetime
    counted: timedelta
    status: TicketStatus | None = None
    parts: tuple[IntervalKind, ...] = ()

    @property
    def kind(self) -> IntervalKind:
        if self.parts:
            return IntervalKind.MERGED
        if self.status is not None:
            return IntervalKind.SOLVED if self.status in SOLVED else IntervalKind.PAUSED
        return IntervalKind.COUNTED if self.counted else IntervalKind.CLOSED


def explain(
    events: Iterable[Event],
    policies: Mapping[str, Policy],
    calendars: Mapping[str, Calendar],
    *,
    as_of: datetime,
    names: Names | None = None,
) -> list[Explanation]:
    """Explain every clock of a ticket as it stands at `as_of`, ordered by metric and instance.

    Raises:
        InvalidHistory, CalendarNeverOpen: as `evaluate` does.
    """
    clocks = evaluate(events, policies, calendars, as_of=as_of)
    return [explain_clock(clock, calendars[clock.calendar], as_of=as_of, names=names or Names()) for clock in clocks]


def explain_clock(clock: Clock, calendar: Calendar, *, as_of: datetime, names: Names) -> Explanation:
    """Explain one clock that was computed for `as_of` and runs by this calendar."""
    end = clock.stopped_at or as_of
    stretches = _put_together(list(_stretches(clock, calendar, end)))
    holidays = names.holidays.get(clock.calendar, {})
    return Explanation(
        clock=clock,
        policy=names.policies.get(clock.policy, clock.policy),
        calendar=names.calendars.get(clock.calendar, clock.calendar),
        timezone=calendar.timezone,
        intervals=tuple(_intervals(stretches, calendar, clock.target_s, holidays)),
        marks=tuple(marks_of(clock, until=end, names=names)),
    )


def _stretches(clock: Clock, calendar: Calendar, end: datetime) -> Iterator[_Stretch]:
    at = clock.start_at
    for pause in clock.pauses:
        held_until = pause.end or end
        yield from _ran(calendar, at, pause.start)
        if pause.start < held_until:
            yield _Stretch(pause.start, held_until, timedelta(), pause.status)
        at = held_until
    yield from _ran(calendar, at, end)


def _ran(calendar: Calendar, start: datetime, end: datetime) -> Iterator[_Stretch]:
    at = start
    for opens_at, closes_at in calendar.open_intervals(start, end):
        if at < opens_at:
            yield _Stretch(at, opens_at, timedelta())
        yield _Stretch(opens_at, closes_at, closes_at - opens_at)
        at = closes_at
    if at < end:
        yield _Stretch(at, end, timedelta())


def _put_together(stretches: list[_Stretch]) -> list[_Stretch]:
    """Keep the beginning and the end of a long life as they are, and put what lies between together."""
    if len(stretches) <= HEAD + MIDDLE + TAIL:
        return stretches
    middle = stretches[HEAD:-TAIL]
    return stretches[:HEAD] + [_one(group) for group in _groups(middle, MIDDLE)] + stretches[-TAIL:]


def _groups(items: Sequence[_T], count: int) -> list[list[_T]]:
    numbered = enumerate(items)
    return [[item for _, item in group] for _, group in groupby(numbered, lambda entry: entry[0] * count // len(items))]


def _one(group: Sequence[_Stretch]) -> _Stretch:
    if len(group) == 1:
        return group[0]
    counted = sum((stretch.counted for stretch in group), timedelta())
    return _Stretch(group[0].start, group[-1].end, counted, parts=tuple(stretch.kind for stretch in group))


def _intervals(
    stretches: Iterable[_Stretch], calendar: Calendar, target_s: int, holidays: Mapping[date, str]
) -> Iterator[Interval]:
    total = timedelta()
    for stretch in stretches:
        before_s, total = total // _SECOND, total + stretch.counted
        elapsed_s = total // _SECOND
        yield Interval(
            kind=stretch.kind,
            start=stretch.start,
            end=stretch.end,
            counted_s=elapsed_s - before_s,
            elapsed_s=elapsed_s,
            elapsed_pct=round(100 * elapsed_s / target_s, 2),
            reason=_reason(stretch, calendar, holidays),
        )


def _reason(stretch: _Stretch, calendar: Calendar, holidays: Mapping[date, str]) -> str:
    if stretch.parts:
        return merged(stretch.parts)
    if stretch.status is not None:
        return while_idle(stretch.status)
    say = when_open if stretch.counted else when_closed
    return say(calendar, stretch.start, stretch.end, holidays)
