"""A slow, obvious second opinion on open time: it looks at every single minute and asks whether it is open.

It shares no code with the product and no idea either: no spans, no merging, no cache. A minute is open if an
exception's date covers it and one of that date's own windows does too, or if no exception's date covers it and any
window of any nearby date does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MINUTE = timedelta(minutes=1)
Windows = list[list[str]]


@dataclass
class MinuteOracle:
    """Answers for the JSON form of a calendar; all times on whole minutes."""

    hours: dict
    _dates: dict[date, tuple] = field(default_factory=dict)

    def is_open(self, minute: datetime) -> bool:
        if self.hours.get("always_open"):
            return True
        stamp = minute.timestamp()
        near = [self._date(minute.date() + timedelta(days=offset)) for offset in (-2, -1, 0, 1, 2)]
        replacing = [windows for replaced, (first, last), windows in near if replaced and first <= stamp < last]
        if replacing:
            return any(first <= stamp < last for windows in replacing for first, last in windows)
        weekly = (span for offset in (-2, -1, 0, 1, 2) for span in self._weekly(minute.date() + timedelta(days=offset)))
        own = (span for replaced, _, windows in near if replaced for span in windows)
        return any(first <= stamp < last for spans in (weekly, own) for first, last in spans)

    def open_minutes(self, start: datetime, end: datetime) -> int:
        count = 0
        while start < end:
            count += self.is_open(start)
            start += MINUTE
        return count

    def reach(self, start: datetime, minutes: int, *, give_up: datetime) -> datetime | None:
        while minutes > 0:
            if start >= give_up:
                return None
            minutes -= self.is_open(start)
            start += MINUTE
        return start

    def _date(self, day: date) -> tuple:
        if day not in self._dates:
            windows = self.hours.get("exceptions", {}).get(day.isoformat())
            spans = [] if windows is None else [self._span(day, *window) for window in windows]
            self._dates[day] = (windows is not None, self._span(day, "00:00", "24:00"), spans)
        return self._dates[day]

    def _weekly(self, day: date) -> list:
        key = ("weekly", day)
        if key not in self._dates:
            windows = self.hours.get("weekly", {}).get(DAYS[day.weekday()], [])
            self._dates[key] = [self._span(day, *window) for window in windows]
        return self._dates[key]

    def _span(self, day: date, start: str, end: str) -> tuple[float, float]:
        later = day + timedelta(days=1) if end <= start or end == "24:00" else day
        return self._stamp(day, start), self._stamp(later, "00:00" if end == "24:00" else end)

    def _stamp(self, day: date, wall: str) -> float:
        """The instant a clock on the wall first shows this time; in a gap, the time it would be had nothing changed."""
        zone = ZoneInfo(self.hours["timezone"])
        naive = datetime.fromisoformat(f"{day}T{wall}")
        before_change = (naive - timedelta(days=1)).replace(tzinfo=zone).utcoffset()
        after_change = (naive + timedelta(days=1)).replace(tzinfo=zone).utcoffset()
        for offset in (before_change, after_change):
            guess = (naive - offset).replace(tzinfo=UTC)
            if guess.astimezone(zone).replace(tzinfo=None) == naive:
                return guess.timestamp()
        return (naive - before_change).replace(tzinfo=UTC).timestamp()
