"""Count a clock's open time over the spells in which it runs, and say when an amount of it was or will be reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from helpdesk.models.values import TicketStatus
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.history import StatusChange


@dataclass(frozen=True, slots=True)
class Spell:
    """A stretch [start, end) in which the clock ran; `open` of it was open time, `before` had passed earlier."""

    start: datetime
    end: datetime
    before: timedelta
    open: timedelta


class Meter:
    """elapsed(t) = open time in [start, t) less the time spent in a status of `idle_in`."""

    def __init__(
        self,
        calendar: Calendar,
        *,
        start: datetime,
        idle_in: frozenset[TicketStatus],
        statuses: Iterable[StatusChange],
    ) -> None:
        self.calendar = calendar
        self.spells: list[Spell] = []
        self.running_since: datetime | None = None
        self._start = start
        self.idle_in = idle_in
        self._counted = timedelta()
        for change in statuses:
            self.turn(change)

    def turn(self, change: StatusChange) -> None:
        """Stop or go on, as the new status says; changes come in order of time."""
        at = max(change.at, self._start)
        idle = change.status in self.idle_in
        if idle and self.running_since is not None:
            self._close(self.running_since, at)
        elif not idle and self.running_since is None:
            self.running_since = at

    def elapsed(self, at: datetime) -> timedelta:
        """Measure the open time counted until `at`, which must not lie before the last change of status."""
        if self.running_since is None:
            return self._counted
        return self._counted + self.calendar.open_time(self.running_since, at)

    def reach(self, amount: timedelta) -> datetime | None:
        """Find the earliest instant with `amount` elapsed if the clock goes on as it does; None if it stands still.

        Raises:
            CalendarNeverOpen: the calendar does not open for long enough within five years.
        """
        for spell in self.spells:
            if amount <= spell.before + spell.open:
                return self.calendar.reach(spell.start, amount - spell.before)
        if self.running_since is None:
            return None
        return self.calendar.reach(self.running_since, amount - self._counted)

    def ran_until(self, at: datetime) -> datetime:
        """Return the last instant up to `at` at which the clock ran."""
        if self.running_since is not None:
            return at
        return self.spells[-1].end if self.spells else self._start

    def _close(self, start: datetime, end: datetime) -> None:
        self.running_since = None
        if start < end:
            spent = self.calendar.open_time(start, end)
            self.spells.append(Spell(start, end, self._counted, spent))
            self._counted += spent
