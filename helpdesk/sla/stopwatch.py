"""One clock while a log is replayed: retargeted, paused, ended, taken up again, and telling each level once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from helpdesk.sla.calendar import Calendar
from helpdesk.sla.history import SOLVED, Event, EventType, StatusChange
from helpdesk.sla.meter import Meter
from helpdesk.sla.policy import Metric, Policy


@dataclass(frozen=True, slots=True)
class Notification:
    """A level was reached and told; with clock and target version it is told once."""

    level: int
    at: datetime
    target_version: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a clock runs by at a time: the policy under its key, its calendar and the target in seconds."""

    policy_key: str
    policy: Policy
    calendar: Calendar
    target_s: int


@dataclass
class Stopwatch:
    """A clock in the making. `level` is the highest level told and not re-armed since."""

    metric: Metric
    instance: int
    start_at: datetime
    terms: Terms
    meter: Meter
    ended_at: datetime | None = None
    cancelled: bool = False
    level: int = 0
    target_version: int = 1
    notifications: list[Notification] = field(default_factory=list)

    @classmethod
    def begin(
        cls, metric: Metric, instance: int, *, start_at: datetime, terms: Terms, statuses: Sequence[StatusChange]
    ) -> Stopwatch:
        """Start a clock; `start_at` may lie in the past, the time since then counts."""
        return cls(metric, instance, start_at, terms, _meter(metric, start_at, terms, statuses))

    def recompute(self, terms: Terms, statuses: Sequence[StatusChange]) -> None:
        """Measure the whole life anew under these terms; an ended clock is taken up again."""
        self.terms = terms
        self.meter = _meter(self.metric, self.start_at, terms, statuses)
        self.ended_at = None
        self.cancelled = False
        self.target_version += 1

    def end(self, event: Event) -> None:
        """End on an event: what the clock waited for fulfils it, anything else cancels it."""
        self.ended_at = event.at
        self.cancelled = not _fulfils(event, self.metric)

    @property
    def running(self) -> bool:
        """Whether the clock is neither ended nor paused."""
        return self.ended_at is None and self.meter.running_since is not None

    def amount(self, level: int) -> timedelta:
        """Return the open time at which a level, in percent of the target, is reached: whole seconds, rounded up."""
        return timedelta(seconds=-(-self.terms.target_s * level // 100))

    def announce_before(self, at: datetime) -> None:
        """Tell the levels that this running clock crosses before `at`, each at its instant."""
        if not self.running:
            return
        for level in self.terms.policy.thresholds:
            if level > self.level:
                crossed_at = self.meter.reach(self.amount(level))
                if crossed_at is None or crossed_at >= at:
                    return
                self._tell(self._level_at(crossed_at), crossed_at)

    def announce(self, at: datetime) -> None:
        """Tell the level reached at `at` if it has risen, and re-arm silently what it has fallen below."""
        if self.ended_at is not None:
            return
        level = self._level_at(at)
        if level < self.level:
            self.level = level
        elif level > self.level and self.running:
            self._tell(level, at)

    def _level_at(self, at: datetime) -> int:
        elapsed = self.meter.elapsed(at)
        return max((level for level in self.terms.policy.thresholds if elapsed >= self.amount(level)), default=0)

    def _tell(self, level: int, at: datetime) -> None:
        self.level = level
        self.notifications.append(Notification(level, at, self.target_version))


def _meter(metric: Metric, start_at: datetime, terms: Terms, statuses: Sequence[StatusChange]) -> Meter:
    idle_in = SOLVED | terms.policy.pauses(metric)
    return Meter(terms.calendar, start=start_at, idle_in=idle_in, statuses=statuses)


def _fulfils(event: Event, metric: Metric) -> bool:
    match metric:
        case Metric.RESOLUTION:
            return event.type is EventType.STATUS
        case Metric.FIRST_RESPONSE | Metric.NEXT_RESPONSE:
            return event.type is EventType.REPLY
        case _:
            assert_never(metric)
