"""What happened to a clock along its way: targets that changed, levels, its due time, its ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from helpdesk.models.values import ClockState, TicketPriority
from helpdesk.sla.explaining.words import duration
from helpdesk.sla.rules.clock import Clock
from helpdesk.sla.rules.history import EventType
from helpdesk.sla.rules.policy import Metric
from helpdesk.sla.rules.stopwatch import Milestone, MilestoneKind, Terms


class MarkKind(StrEnum):
    """What can happen to a clock."""

    STARTED = "started"
    RETARGETED = "retargeted"
    RESUMED = "resumed"
    REACHED = "reached"
    DUE = "due"
    BREACHED = "breached"
    TOLD = "told"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Names:
    """What people call things: policies and calendars by key, and the holidays of calendars by key and date."""

    policies: Mapping[str, str] = field(default_factory=dict)
    calendars: Mapping[str, str] = field(default_factory=dict)
    holidays: Mapping[str, Mapping[date, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a clock ran by: policy and calendar by name where it is known, the priority, the target in seconds."""

    policy: str
    calendar: str
    priority: TicketPriority
    target_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at an instant; `level` in percent of the target, `before` and `after` for a change."""

    at: datetime
    kind: MarkKind
    text: str
    level: int | None = None
    before: Promise | None = None
    after: Promise | None = None


_STARTED = {
    Metric.FIRST_RESPONSE: "The ticket was opened.",
    Metric.NEXT_RESPONSE: "The customer wrote and waits for an answer.",
    Metric.RESOLUTION: "The ticket was opened.",
    Metric.TIME_TO_OWN: "The ticket was opened.",
    Metric.PERIODIC_UPDATE: "The ticket was reopened, or an agent wrote: the next word is due.",
}
_FULFILLED = {
    Metric.FIRST_RESPONSE: "An agent answered.",
    Metric.NEXT_RESPONSE: "An agent answered.",
    Metric.RESOLUTION: "The ticket was solved.",
    Metric.TIME_TO_OWN: "The ticket came to a person.",
    Metric.PERIODIC_UPDATE: "An agent wrote.",
}
_CANCELLED = {
    EventType.STATUS: "The ticket was solved first.",
    EventType.PRIORITY: "There is no target for the new priority.",
    EventType.POLICY: "The policy in force has no target for it any more.",
    EventType.MERGED: "The ticket was merged into another.",
    EventType.DELETED: "The ticket was deleted.",
}
# At one instant; what events did is told in the order of the log.
_FIRST = {MarkKind.STARTED: 0, MarkKind.REACHED: 1, MarkKind.DUE: 2, MarkKind.BREACHED: 2, MarkKind.TOLD: 4}
_EVENTS = 3


def marks_of(clock: Clock, *, until: datetime, names: Names) -> list[Mark]:
    """List what happened to a clock from its start to `until`, in order of time."""
    marks = [Mark(at=clock.start_at, kind=MarkKind.STARTED, text=_STARTED[clock.metric])]
    for milestone in clock.milestones:
        marks += _of_milestone(milestone, clock.metric, names)
    marks += _of_levels(clock, until)
    marks += _of_due_time(clock, until)
    return sorted(marks, key=lambda mark: (mark.at, _FIRST.get(mark.kind, _EVENTS)))


def _of_milestone(milestone: Milestone, metric: Metric, names: Names) -> Iterator[Mark]:
    match milestone.kind:
        case MilestoneKind.FULFILLED:
            yield Mark(at=milestone.at, kind=MarkKind.FULFILLED, text=_FULFILLED[metric])
        case MilestoneKind.CANCELLED:
            text = _CANCELLED.get(milestone.cause, "The ticket waits for it no longer.")
            yield Mark(at=milestone.at, kind=MarkKind.CANCELLED, text=text)
        case MilestoneKind.RESUMED | MilestoneKind.RETARGETED:
            yield from _of_terms(milestone, names)


def _of_terms(milestone: Milestone, names: Names) -> Iterator[Mark]:
    before, after = _promise(milestone.before, names), _promise(milestone.after, names)
    changes = _changes(before, after) if _is_other(milestone.before, milestone.after) else ""
    if milestone.kind is MilestoneKind.RETARGETED:
        if changes:
            yield Mark(at=milestone.at, kind=MarkKind.RETARGETED, text=changes, before=before, after=after)
        return
    reopened = milestone.cause is EventType.STATUS
    text = "The ticket was reopened; the clock goes on." if reopened else "There is a target again; the clock goes on."
    yield Mark(at=milestone.at, kind=MarkKind.RESUMED, text=f"{text} {changes}".rstrip(), before=before, after=after)


def _is_other(before: Terms, after: Terms) -> bool:
    return (before.policy_key, before.priority, before.target_s) != (after.policy_key, after.priority, after.target_s)


def _promise(terms: Terms, names: Names) -> Promise:
    policy = names.policies.get(terms.policy_key, terms.policy_key)
    calendar = names.calendars.get(terms.policy.calendar, terms.policy.calendar)
    return Promise(policy, calendar, terms.priority, terms.target_s)


def _changes(before: Promise, after: Promise) -> str:
    """Say what changed and what it made of the target: `Priority normal → urgent: target 8 h → 1 h.` or the like."""
    causes = [
        f"{what} {was} → {now}"
        for what, was, now in (
            ("priority", before.priority, after.priority),
            ("policy", before.policy, after.policy),
            ("calendar", before.calendar, after.calendar),
        )
        if was != now
    ]
    was, now = duration(before.target_s), duration(after.target_s)
    effect = f"target {was} → {now}" if was != now else f"target still {now}"
    said = f"{', '.join(causes)}: {effect}." if causes else f"{effect}."
    return said[0].upper() + said[1:]


def _of_levels(clock: Clock, until: datetime) -> Iterator[Mark]:
    told = [(note.level, note.at) for note in clock.notifications]
    for level, told_at in told:
        yield Mark(at=told_at, kind=MarkKind.TOLD, text=f"{level} % of the target; told.", level=level)
    reached = {75: clock.warn_75_at, 90: clock.warn_90_at}
    reached.update({warn.level: warn.at for warn in clock.warnings})
    for level, at in reached.items():
        if at is not None and at <= until and (level, at) not in told:
            text = f"{level} % of the target in force at the end."
            yield Mark(at=at, kind=MarkKind.REACHED, text=text, level=level)


def _of_due_time(clock: Clock, until: datetime) -> Iterator[Mark]:
    ended = clock.state in {ClockState.STOPPED, ClockState.CANCELLED}
    if clock.breached_at is not None:
        how = "ended late" if ended else "is late"
        text = f"Due time; the clock {how}, by {duration(clock.overdue_s)} of open time."
        yield Mark(at=clock.breached_at, kind=MarkKind.BREACHED, text=text)
    elif clock.due_at is not None and clock.due_at <= until:
        yield Mark(at=clock.due_at, kind=MarkKind.DUE, text="Due time, just in time." if ended else "Due time.")
