"""What makes every clock's time left current: how long each calendar has been open until now."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.sla import CalendarNow, CalendarVersion
from helpdesk.sla.clocks.ledger import calendar_from
from helpdesk.sla.rules.calendar import Calendar, InvalidCalendar

_SECOND = timedelta(seconds=1)
_AHEAD = timedelta(days=28)
_CALENDARS_AT_ONCE = 500

# In the order of their keys, and without waiting: where several SLA workers tick, one of them writes a row.
_REFRESH = text("""
    WITH mine AS (
        SELECT calendar_version_id FROM sla_calendar_now
         WHERE calendar_version_id = ANY (CAST(:ids AS uuid[])) AND as_of < :as_of
         ORDER BY calendar_version_id FOR UPDATE SKIP LOCKED)
    UPDATE sla_calendar_now AS row SET open_s = new.open_s, as_of = :as_of
      FROM unnest(CAST(:ids AS uuid[]), CAST(:counts AS bigint[])) AS new (id, open_s) JOIN mine
        ON mine.calendar_version_id = new.id
     WHERE row.calendar_version_id = new.id
""")


def open_until(calendar: Calendar, epoch_at: datetime, at: datetime) -> timedelta:
    """Measure the open time from a calendar's epoch until a time, negative before it."""
    if at >= epoch_at:
        return calendar.open_time(epoch_at, at)
    return -calendar.open_time(at, epoch_at)


@dataclass(frozen=True, slots=True)
class Ahead:
    """When a calendar opens and closes in the next four weeks, so that counting on takes no calendar.

    Attributes:
        at, open_s: where the count stands: so many open seconds until then.
        until: from then on nothing is known.
        turns: when it opens and closes, in turn, and `opened` the open seconds since `at` by then.
    """

    at: datetime
    open_s: int
    until: datetime
    turns: array[float]
    opened: array[float]

    @classmethod
    def of(cls, calendar: Calendar, *, at: datetime, open_s: int) -> Ahead:
        """Look ahead from where a count stands."""
        until, turns, opened, total = at + _AHEAD, array("d"), array("d"), 0.0
        for opening, closing in calendar.open_intervals(at, until):
            turns.extend((opening.timestamp(), closing.timestamp()))
            opened.extend((total, total := total + (closing - opening).total_seconds()))
        return cls(at, open_s, until, turns, opened)

    def count(self, at: datetime) -> int:
        """Return the open seconds until a time within what is known."""
        moment = at.timestamp()
        turn = bisect_right(self.turns, moment)
        if turn == 0:
            return self.open_s
        # After an opening, which has an even place, time counts.
        since = moment - self.turns[turn - 1] if turn % 2 else 0.0
        return self.open_s + int(self.opened[turn - 1] + since)


@dataclass
class TimeLeft:
    """Brings the count of every calendar in use up to date, and remembers what lies ahead of each."""

    _ahead: dict[UUID, Ahead] = field(default_factory=dict)

    async def refresh(self, session: AsyncSession, *, now: datetime, organization_id: UUID | None = None) -> int:
        """Write how long each calendar that running clocks count by has been open, and return how many it brought on.

        Up to the last whole second, as the boundaries of all windows are.

        Args:
            organization_id: None means every organisation's, in a transaction of the worker role.
        """
        as_of = now.astimezone(UTC).replace(microsecond=0)
        query = select(CalendarNow.calendar_version_id, CalendarNow.open_s, CalendarNow.as_of)
        if organization_id is not None:
            query = query.where(CalendarNow.organization_id == organization_id)
        rows = (await session.execute(query)).all()
        self._ahead = {version: self._ahead[version] for version, *_ in rows if version in self._ahead}
        stored = {version: (open_s, at) for version, open_s, at in rows if at < as_of}
        known = {
            version: self._ahead[version] for version, row in stored.items() if self._goes_on(version, *row, as_of)
        }
        await self._look_ahead(known, [version for version in stored if version not in known], session, as_of)
        self._ahead |= known
        counts = [ahead.count(as_of) for ahead in known.values()]
        await session.execute(_REFRESH, {"ids": list(known), "counts": counts, "as_of": as_of})
        return len(known)

    def _goes_on(self, version: UUID, open_s: int, at: datetime, as_of: datetime) -> bool:
        """Tell whether what is remembered leads from the stored count to the present."""
        ahead = self._ahead.get(version)
        return ahead is not None and ahead.at <= at and as_of < ahead.until and ahead.count(at) == open_s

    async def _look_ahead(
        self, known: dict[UUID, Ahead], versions: list[UUID], session: AsyncSession, as_of: datetime
    ) -> None:
        """Count on from what is stored, which takes a calendar only from there on."""
        for first in range(0, len(versions), _CALENDARS_AT_ONCE):
            some = versions[first : first + _CALENDARS_AT_ONCE]
            query = (
                select(CalendarVersion, CalendarNow.open_s, CalendarNow.as_of)
                .join(CalendarNow, CalendarNow.calendar_version_id == CalendarVersion.id)
                .where(CalendarVersion.id.in_(some), CalendarNow.as_of <= as_of)
            )
            for version, open_s, at in await session.execute(query):
                try:
                    calendar = calendar_from(version)
                except InvalidCalendar:
                    # Told with the tickets that run by it.
                    continue
                # Nobody has counted for long: what lies ahead begins now.
                start = at if as_of - at < _AHEAD / 2 else as_of
                counted = open_s + calendar.open_seconds(at, start)
                known[version.id] = Ahead.of(calendar, at=start, open_s=counted)
