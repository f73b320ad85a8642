"""Hours in which a person is not to be mailed; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal, Self, TypeAlias, get_args

from helpdesk.errors import Invalid

Day: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
MOST_WINDOWS = 14

_DAY = timedelta(days=1)
_MINUTES_OF_DAY = 24 * 60
_MINUTES_OF_WEEK = 7 * _MINUTES_OF_DAY
# One that runs over the clocks' change can end a little after its week.
_DAYS_AHEAD = 9


class InvalidQuietHours(Invalid):
    """These are no quiet hours."""


@dataclass(frozen=True)
class QuietWindow:
    """A span of the day, on some days of the week.

    Attributes:
        days: those it begins on, 0 for Monday.
        start, end: in minutes after midnight, as clocks on the wall show it; an end that is not later than the start is
            on the next day.
    """

    days: frozenset[int]
    start: int
    end: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read `{"days": ["mon", …], "from": "22:00", "to": "07:00"}`; 24:00 is the end of a day.

        Raises:
            InvalidQuietHours: with what is wrong.
        """
        days = value.get("days", DAYS)
        unknown = [day for day in days if day not in DAYS]
        if unknown or not days:
            raise InvalidQuietHours(f"The days of quiet hours are some of {', '.join(DAYS)}.")
        start, end = _minutes(value.get("from")), _minutes(value.get("to"))
        if start in {end, _MINUTES_OF_DAY}:
            raise InvalidQuietHours("Quiet hours begin before 24:00, and do not end when they begin.")
        return cls(frozenset(DAYS.index(day) for day in days), start, end)

    def to_json(self) -> dict[str, Any]:
        """Write it as it is stored."""
        return {
            "days": [DAYS[day] for day in sorted(self.days)],
            "from": _clock(self.start),
            "to": _clock(self.end),
        }

    @property
    def length(self) -> int:
        """Return how many minutes it lasts, where clocks are not changed."""
        return (self.end - self.start) % _MINUTES_OF_DAY or _MINUTES_OF_DAY

    def of_week(self) -> Iterator[tuple[int, int]]:
        """Yield its spans in minutes after Monday's midnight; one may run into the next week."""
        for day in sorted(self.days):
            start = day * _MINUTES_OF_DAY + self.start
            yield start, start + self.length


@dataclass(frozen=True)
class QuietHours:
    """All quiet hours of one person, in the zone they live in."""

    windows: tuple[QuietWindow, ...] = ()

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> Self:
        """Read a list of windows.

        Raises:
            InvalidQuietHours: one of them is wrong, there are too many, or they leave no minute of the week.
        """
        if len(value) > MOST_WINDOWS:
            raise InvalidQuietHours(f"There can be at most {MOST_WINDOWS} quiet hours.")
        made = cls(tuple(QuietWindow.from_json(window) for window in value))
        if made._fill_the_week():
            raise InvalidQuietHours("Quiet hours that never end leave no time to be mailed; turn mail off instead.")
        return made

    def to_json(self) -> list[dict[str, Any]]:
        """Write them as they are stored."""
        return [window.to_json() for window in self.windows]

    def end(self, now: datetime, zone: tzinfo) -> datetime | None:
        """Return when the quiet that reigns at a time is over (UTC); None when there is none.

        Windows that touch or overlap are one quiet. A time that the clocks skip is the moment they do; of one they show
        twice the first begins a window and the second ends it.
        """
        spans = sorted(self._spans(now, zone))
        until = now
        for start, end in spans:
            if start <= until < end:
                until = end
        return until if until > now else None

    def _spans(self, now: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        today = now.astimezone(zone).date()
        for ahead in range(-2, _DAYS_AHEAD):
            day = today + ahead * _DAY
            for window in self.windows:
                if day.weekday() in window.days:
                    last = window.start + window.length
                    yield _moment(day, window.start, zone, fold=0), _moment(day, last, zone, fold=1)

    def _fill_the_week(self) -> bool:
        spans = sorted(span for window in self.windows for span in window.of_week())
        spans += [(start + _MINUTES_OF_WEEK, end + _MINUTES_OF_WEEK) for start, end in spans]
        until = spans[0][0] if spans else 0
        for start, end in spans:
            if start > until:
                return False
            until = max(until, end)
        return bool(spans)


def _minutes(text: object) -> int:
    try:
        hour, minute = (int(part) for part in str(text).split(":"))
    except ValueError:
        hour, minute = -1, 0
    minutes = hour * 60 + minute
    if not (0 <= minute < 60 and 0 <= minutes <= _MINUTES_OF_DAY):
        raise InvalidQuietHours(f"A time of quiet hours is like 22:00, not {text}.")
    return minutes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _moment(day: date, minutes: int, zone: tzinfo, *, fold: int) -> datetime:
    """Return when clocks in a zone show a time of a day, which may be past its midnight (UTC)."""
    shown = datetime.combine(day, time()) + timedelta(minutes=minutes)
    moment = shown.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) == shown:
        return moment
    return _skip(shown, zone)


def _skip(shown: datetime, zone: tzinfo) -> datetime:
    """Return the moment at which clocks were put forward over a time that they never showed (UTC)."""
    before = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None, fold=0) < shown:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
