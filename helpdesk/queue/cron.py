"""When a cron expression is due in a time zone, also on the days on which clocks are changed.

The rules are those of Debian's cron. An entry with a fixed minute and hour follows the clock on the wall: a time that
is left out in spring is made up for when clocks have gone forward, one that comes twice in autumn counts the first
time. An entry whose minute or hour begins with a star follows time as it passes: nothing is due at a time that does not
exist, and what is due every quarter stays due every quarter of the hour that comes twice.

Ticks are found a calendar day at a time, so that they never depend on when somebody looks.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from helpdesk.errors import Invalid

_FIELDS = 5
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
# The 29th of February that is a Monday comes within 40 years, also over a century that is no leap year.
_FAR_AHEAD = timedelta(days=366 * 40)
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


class CronRefused(Invalid):
    """The cron expression or its time zone cannot be used."""


class Cron:
    """A cron expression of five fields in a time zone.

    Args:
        expression: minute, hour, day of month, month, day of week, as in `15 6 * * MON-FRI`.
        zone: an IANA name, such as `Europe/Vienna`.

    Raises:
        CronRefused: when either cannot be read.
    """

    def __init__(self, expression: str, zone: str) -> None:
        fields = expression.split()
        if len(fields) != _FIELDS:
            raise CronRefused(f"{expression!r} is no cron expression: it has {len(fields)} fields, not {_FIELDS}.")
        try:
            self._parsed = CronSim(expression, _ANY_TIME)
        except CronSimError as error:
            raise CronRefused(f"{expression!r} is no cron expression: {error}.") from error
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise CronRefused(f"{zone!r} is no time zone.") from error
        self._on_the_wall = not fields[0].startswith("*") and not fields[1].startswith("*")
        self._times = [
            time(hour, minute) for hour in sorted(self._parsed.hours) for minute in sorted(self._parsed.minutes)
        ]

    def on(self, day: date) -> list[datetime]:
        """Return the ticks (UTC) whose time on the wall is on a day, ascending."""
        if day.month not in self._parsed.months or not self._parsed.match_day(day):
            return []
        return sorted({tick for at in self._times for tick in self._instants(datetime.combine(day, at))})

    def between(self, after: datetime, until: datetime, *, most: int | None = None) -> list[datetime]:
        """Return the ticks (UTC) after one time and not after another, ascending; only the newest `most`."""
        found: set[datetime] = set()
        first = self._day(after) - _DAY
        # A day more on either side: where clocks go back over midnight, two days are interleaved.
        day, enough = self._day(until) + _DAY, False
        while day >= first:
            found.update(tick for tick in self.on(day) if after < tick <= until)
            if enough:
                break
            enough = most is not None and len(found) >= most
            day -= _DAY
        ticks = sorted(found)
        return ticks if most is None else ticks[max(len(ticks) - most, 0) :]

    def following(self, now: datetime) -> datetime | None:
        """Return the first tick (UTC) after a time; None when there is none in 40 years."""
        day = self._day(now) - _DAY
        last = day + _FAR_AHEAD
        while day <= last:
            # The next day too, for the same reason.
            if ticks := [tick for tick in (*self.on(day), *self.on(day + _DAY)) if tick > now]:
                return min(ticks)
            day += _DAY
        return None

    def _day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()

    def _instants(self, wall: datetime) -> tuple[datetime, ...]:
        """Return when a clock on the wall shows a time: mostly once, in a fold twice, in a gap never."""
        first = self._first(wall)
        if self._shows(first, wall):
            second = wall.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
            return (first,) if self._on_the_wall or second == first else (first, second)
        if not self._on_the_wall:
            return ()
        while not self._shows(first, wall):
            wall += _MINUTE
            first = self._first(wall)
        return (first,)

    def _first(self, wall: datetime) -> datetime:
        return wall.replace(tzinfo=self._zone, fold=0).astimezone(UTC)

    def _shows(self, moment: datetime, wall: datetime) -> bool:
        return moment.astimezone(self._zone).replace(tzinfo=None, fold=0) == wall


@lru_cache(maxsize=256)
def cron_of(expression: str, zone: str) -> Cron:
    """Return the cron of an expression and a zone; raise CronRefused."""
    return Cron(expression, zone)
