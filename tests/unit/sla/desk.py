"""Short ways to write a ticket's log and to look at its clocks. Times are Vienna's unless they carry a zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import Clock, Event, EventType, Metric, Policy, evaluate

OFFICE = {
    "timezone": "Europe/Vienna",
    "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}
CALENDARS = {
    "office": Calendar.from_json(OFFICE),
    "always": Calendar.from_json({"timezone": "Europe/Vienna", "always_open": True}),
}


def at(text):
    """`3 10:15` is Tuesday, 3 March 2026, a quarter past ten in Vienna."""
    if "T" in text:
        return datetime.fromisoformat(text)
    day, time = text.split()
    wall = datetime.fromisoformat(f"2026-03-{int(day):02}T{time}")
    return wall.replace(tzinfo=ZoneInfo("Europe/Vienna")).astimezone(UTC)


def policy(calendar="office", pause_on=None, thresholds=(75, 90, 100), **targets):
    """One target for every priority by metric, or `normal={...}, urgent={...}` by priority."""
    by_priority = targets if set(targets) <= set(TicketPriority) else dict.fromkeys(TicketPriority, targets)
    return Policy.from_json(
        {"calendar": calendar, "targets": by_priority, "pause_on": pause_on or {}, "thresholds": list(thresholds)}
    )


def created(when, *, by="customer", priority="normal", policy="p", status="new"):
    return Event(
        at(when),
        EventType.CREATED,
        by=AuthorKind(by),
        priority=TicketPriority(priority),
        policy=policy,
        status=TicketStatus(status),
    )


def message(when, *, public=True):
    return Event(at(when), EventType.MESSAGE, public=public)


def reply(when, *, by="agent", public=True):
    return Event(at(when), EventType.REPLY, by=AuthorKind(by), public=public)


def status(when, to):
    return Event(at(when), EventType.STATUS, status=TicketStatus(to))


def priority(when, to):
    return Event(at(when), EventType.PRIORITY, priority=TicketPriority(to))


def moved(when, to):
    return Event(at(when), EventType.POLICY, policy=to)


def assigned(when, to="ada"):
    return Event(at(when), EventType.ASSIGNED, assigned=to is not None)


def gone(when, how="merged"):
    return Event(at(when), EventType(how))


RECURRING = {Metric.NEXT_RESPONSE, Metric.PERIODIC_UPDATE}


def clocks(log, when, policies=None, **targets) -> dict[str, Clock]:
    """Evaluate at `when`; the keys are `first_response`, `resolution`, `next_response 1`, `periodic_update 2`, ..."""
    policies = policies or {"p": policy(**targets)}
    found = evaluate(log, policies, CALENDARS, as_of=at(when))
    return {
        f"{clock.metric} {clock.instance}" if clock.metric in RECURRING else str(clock.metric): clock for clock in found
    }


def told(clock):
    return [(note.level, note.at) for note in clock.notifications]


def first_response(log, when, policies=None, **targets):
    return clocks(log, when, policies, **(targets or {"first_response": 60}))["first_response"]


def resolution(log, when, policies=None, **targets):
    return clocks(log, when, policies, **(targets or {"resolution": 480}))["resolution"]
