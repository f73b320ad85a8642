"""What a clock shows at one instant, and how it is read off a replayed one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from helpdesk.models.values import ClockState, TicketStatus
from helpdesk.sla.rules.history import StatusChange
from helpdesk.sla.rules.meter import Spell
from helpdesk.sla.rules.policy import Metric
from helpdesk.sla.rules.stopwatch import Milestone, Notification, Stopwatch

_SECOND = timedelta(seconds=1)
# These have fields of their own: the two usual warnings and the due time.
_NAMED_LEVELS = frozenset({75, 90, 100})


class Outcome(StrEnum):
    """How a clock ended."""

    MET = "met"
    BREACHED = "breached"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Warn:
    """When a level is or was reached; None while the clock stands still before it."""

    level: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the status kept the clock from counting; `end` is None while it lasts."""

    start: datetime
    end: datetime | None
    status: TicketStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One clock at one instant. Amounts are open seconds; the percentage of the target has two decimals.

    `due_at` is None while paused and when ended while paused; warnings still to come are None then too. An ended
    clock shows when it would have warned and been due. `warnings` are the policy's levels other than 75, 90 and 100.
    `policy` and `calendar` are the keys it runs by. `breached_at` is the due time of a breached clock, paused or not.
    `next_threshold_at` is when the clock is to be looked at again: its next level is reached or its breach begins;
    None when neither can come. `spells`, `running_since` and `pauses` tell when it counted and when a status held it,
    `milestones` what changed its target or its end on the way.
    """

    metric: Metric
    instance: int
    start_at: datetime
    target_s: int
    state: ClockState
    outcome: Outcome | None
    breached: bool
    due_at: datetime | None
    warn_75_at: datetime | None
    warn_90_at: datetime | None
    warnings: tuple[Warn, ...]
    elapsed_s: int
    elapsed_pct: float
    remaining_s: int
    overdue_s: int
    stopped_at: datetime | None
    notifications: tuple[Notification, ...]
    policy: str
    calendar: str
    level: int
    target_version: int
    breached_at: datetime | None
    next_threshold_at: datetime | None
    next_level: int | None
    spells: tuple[Spell, ...]
    running_since: datetime | None
    pauses: tuple[Pause, ...]
    milestones: tuple[Milestone, ...]

    @property
    def told(self) -> Notification | None:
        """Return the notification of the level the clock is at; None at no level, or one it fell to from above.

        It was told under its own `target_version`: a change of terms that leaves the level alone tells nothing.
        """
        last = self.notifications[-1] if self.notifications else None
        return last if last is not None and last.level == self.level else None

    @property
    def paused(self) -> bool:
        """Whether the clock is not ended and stands still."""
        return self.state is ClockState.PAUSED


def read(clock: Stopwatch, statuses: Sequence[StatusChange], *, as_of: datetime) -> Clock:
    """Read a clock whose log has been replayed up to `as_of`; `statuses` are the ticket's so far.

    Raises:
        CalendarNeverOpen: its due time or a warning cannot be reached within five years.
    """
    terms, meter, until = clock.terms, clock.meter, clock.ended_at or as_of
    due_at = clock.reach(100)
    breached_at = due_at if due_at is not None and meter.ran_until(until) > due_at else None
    elapsed_s = meter.elapsed(until) // _SECOND
    warns = {level: clock.reach(level) for level in terms.policy.thresholds}
    next_threshold_at, next_level = _next(clock, due_at if breached_at is None else None, as_of)
    return Clock(
        metric=clock.metric,
        instance=clock.instance,
        start_at=clock.start_at,
        target_s=terms.target_s,
        state=_state(clock),
        outcome=_outcome(clock, breached=breached_at is not None),
        breached=breached_at is not None,
        due_at=None if meter.running_since is None else due_at,
        warn_75_at=warns.get(75),
        warn_90_at=warns.get(90),
        warnings=tuple(Warn(level, at) for level, at in warns.items() if level not in _NAMED_LEVELS),
        elapsed_s=elapsed_s,
        elapsed_pct=round(100 * elapsed_s / terms.target_s, 2),
        remaining_s=max(0, terms.target_s - elapsed_s),
        overdue_s=max(0, elapsed_s - terms.target_s),
        stopped_at=clock.ended_at,
        notifications=tuple(clock.notifications),
        policy=terms.policy_key,
        calendar=terms.policy.calendar,
        level=clock.level,
        target_version=clock.target_version,
        breached_at=breached_at,
        next_threshold_at=next_threshold_at,
        next_level=next_level,
        spells=tuple(meter.spells),
        running_since=meter.running_since,
        pauses=tuple(_pauses(clock, statuses)),
        milestones=tuple(clock.milestones),
    )


def _state(clock: Stopwatch) -> ClockState:
    if clock.ended_at is not None:
        return ClockState.CANCELLED if clock.cancelled else ClockState.STOPPED
    return ClockState.PAUSED if clock.meter.running_since is None else ClockState.RUNNING


def _outcome(clock: Stopwatch, *, breached: bool) -> Outcome | None:
    if clock.ended_at is None:
        return None
    if breached:
        return Outcome.BREACHED
    return Outcome.CANCELLED if clock.cancelled else Outcome.MET


def _next(clock: Stopwatch, due_at: datetime | None, as_of: datetime) -> tuple[datetime | None, int | None]:
    """Find the next change of level or breach and the level then; `due_at` is None once breached."""
    if not clock.running:
        return None, None
    coming = [
        (at, level)
        for level in clock.terms.policy.thresholds
        if level > clock.level and (at := clock.reach(level)) is not None
    ]
    if due_at is not None:
        # At the due time itself the clock is not late yet; it is right after.
        coming.append((max(due_at, as_of + timedelta.resolution), 100))
    return min(coming, key=lambda crossing: (crossing[0], -crossing[1]), default=(None, None))


def _pauses(clock: Stopwatch, statuses: Sequence[StatusChange]) -> Iterator[Pause]:
    for change, following in zip_longest(statuses, statuses[1:]):
        if change.status not in clock.meter.idle_in:
            continue
        start = max(change.at, clock.start_at)
        ends = [following.at] if following is not None else []
        end = min(ends if clock.ended_at is None else [*ends, clock.ended_at], default=None)
        if end is None or start < end:
            yield Pause(start, end, change.status)
