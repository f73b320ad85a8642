"""One clock while a log is replayed: retargeted, paused, ended, taken up again, and telling each level once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from helpdesk.models.values import TicketPriority
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.history import SOLVED, Event, EventType, StatusChange
from helpdesk.sla.rules.meter import Meter
from helpdesk.sla.rules.policy import Metric, Policy


@dataclass(frozen=True, slots=True)
class Notification:
    """A level was reached and told; with clock and target version it is told once."""

    level: int
    at: datetime
    target_version: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a clock runs by at a time: the policy under its key, its calendar, and the target in seconds."""

    policy_key: str
    policy: Policy
    calendar: Calendar
    priority: TicketPriority
    target_s: int


class MilestoneKind(StrEnum):
    """What can happen to a clock between its start and its end."""

    RETARGETED = "retargeted"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Milestone:
    """A clock got other terms, ended, or was taken up again, and which event did it."""

    at: datetime
    kind: MilestoneKind
    cause: EventType
    before: Terms
    after: Terms


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
    milestones: list[Milestone] = field(default_factory=list)
    # When levels are reached as things stand: each event of a log asks again.
    _reached: dict[int, datetime | None] = field(default_factory=dict, repr=False)

    @classmethod
    def begin(
        cls, metric: Metric, instance: int, *, start_at: datetime, terms: Terms, statuses: Sequence[StatusChange]
    ) -> Stopwatch:
        """Start a clock; `start_at` may lie in the past, the time since then counts."""
        return cls(metric, instance, start_at, terms, _meter(metric, start_at, terms, statuses))

    def recompute(self, event: Event, terms: Terms, statuses: Sequence[StatusChange]) -> None:
        """Measure the whole life anew under the terms an event brought; an ended clock is taken up again."""
        kind = MilestoneKind.RETARGETED if self.ended_at is None else MilestoneKind.RESUMED
        self.milestones.append(Milestone(event.at, kind, event.type, self.terms, terms))
        self.terms = terms
        self.meter = _meter(self.metric, self.start_at, terms, statuses)
        self._reached.clear()
        self.ended_at = None
        self.cancelled = False
        self.target_version += 1

    def turn(self, change: StatusChange) -> None:
        """Stand still or go on, as the new status says."""
        self.meter.turn(change)
        self._reached.clear()

    def end(self, event: Event) -> None:
        """End on an event: what the clock waited for fulfils it, anything else cancels it."""
        self.ended_at = event.at
        self.cancelled = not _fulfils(event, self.metric)
        kind = MilestoneKind.CANCELLED if self.cancelled else MilestoneKind.FULFILLED
        self.milestones.append(Milestone(event.at, kind, event.type, self.terms, self.terms))

    @property
    def running(self) -> bool:
        """Whether the clock is neither ended nor paused."""
        return self.ended_at is None and self.meter.running_since is not None

    def reach(self, level: int) -> datetime | None:
        """Find when a level, in percent of the target, is reached; None if the clock stands still before it.

        It takes that percentage of the target in open time, in whole seconds, rounded up.

        Raises:
            CalendarNeverOpen: not within five years.
        """
        if level not in self._reached:
            self._reached[level] = self.meter.reach(timedelta(seconds=-(-self.terms.target_s * level // 100)))
        return self._reached[level]

    def announce_before(self, at: datetime) -> None:
        """Tell the levels that this running clock crosses before `at`, each at its instant."""
        if not self.running:
            return
        for level in self.terms.policy.thresholds:
            if level > self.level:
                crossed_at = self.reach(level)
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
        highest = 0
        for level in self.terms.policy.thresholds:
            reached_at = self.reach(level)
            if reached_at is None or reached_at > at:
                break
            highest = level
        return highest

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
        case Metric.FIRST_RESPONSE | Metric.NEXT_RESPONSE | Metric.PERIODIC_UPDATE:
            return event.type is EventType.REPLY
        case Metric.TIME_TO_OWN:
            return event.type is EventType.ASSIGNED
        case _:
            assert_never(metric)
