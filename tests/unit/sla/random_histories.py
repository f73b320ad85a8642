"""Draw cases of the exchange format at random: every kind of event, five calendars around nights when clocks change."""

from __future__ import annotations

from functools import cache

from .history_oracle import METRICS, open_steps, text

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CALENDARS = {
    "lunch": {
        "timezone": "Europe/Vienna",
        "weekly": {day: [["08:00", "12:00"], ["13:00", "18:00"]] for day in WEEK[:6]},
        "exceptions": {"2026-03-27": [["10:00", "11:30"]], "2026-03-28": [["22:00", "03:30"]]},
    },
    "nights": {
        "timezone": "Europe/Vienna",
        "weekly": {day: [["20:00", "05:30"]] for day in WEEK},
        "exceptions": {"2026-03-29": []},
    },
    # Clocks go back half an hour on 5 April.
    "island": {
        "timezone": "Australia/Lord_Howe",
        "weekly": {day: [["00:30", "02:30"], ["01:15", "09:00"], ["23:00", "24:00"]] for day in WEEK},
        "exceptions": {"2026-04-03": [], "2026-04-06": [["00:00", "24:00"]]},
    },
    # Open but two days a week, one of them over midnight into a closed date.
    "sparse": {
        "timezone": "America/St_Johns",
        "weekly": {"mon": [["09:00", "13:00"]], "thu": [["18:00", "06:00"]]},
        "exceptions": {"2026-04-03": [["12:00", "14:00"]]},
    },
    "always": {"timezone": "Asia/Tokyo", "always_open": True, "exceptions": {"2026-03-27": []}},
}
PRIORITIES = ("low", "normal", "high", "urgent")
STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
LEVELS = (5, 25, 50, 75, 80, 90, 95, 100, 120, 200)
KINDS = {
    "message": 4,
    "reply": 4,
    "status": 8,
    "priority": 2,
    "policy": 2,
    "assigned": 2,
    "merged": 0.15,
    "deleted": 0.15,
}


@cache
def opens():
    """Whether each calendar is open, step by step."""
    return {name: open_steps(hours) for name, hours in CALENDARS.items()}


def random_case(random):
    """Write a ticket of up to a dozen days: some events share an instant, some come out of order, some look ahead."""
    step = random.randrange(24 * 12)
    events = [{"at": text(step), "type": "created", **_opening(random)}]
    for kind in random.choices(list(KINDS), KINDS.values(), k=random.randrange(14)):
        step += random.choice([0, 0, random.randrange(1, 13), random.randrange(13, 100), random.randrange(24 * 12)])
        events.append({"at": text(step), "type": kind, **_details(random, kind)})
    looks = [random.choice(events)["at"], text(step + random.randrange(600)), text(random.randrange(step + 1))]
    return {
        "calendars": CALENDARS,
        "policies": {name: _policy(random) for name in ("p", "q", "r")},
        "events": _mixed(random, events),
        "checks": [{"as_of": as_of} for as_of in random.sample(looks, random.choice([1, 1, 2]))],
    }


def _mixed(random, events):
    """Turn the order of the list about where that must not matter: between events of different instants."""
    keys = {event["at"]: random.random() for event in events}
    return sorted(events, key=lambda event: keys[event["at"]]) if random.random() < 0.3 else events


def _opening(random):
    opening = {
        "by": random.choice(["customer", "customer", "customer", "agent"]),
        "priority": random.choice(PRIORITIES),
        "policy": random.choice(["p", "p", "q", "r", None]),
    }
    return opening | ({"status": random.choice(STATUSES)} if random.random() < 0.3 else {})


def _details(random, kind):
    match kind:
        case "message":
            return {"public": random.random() < 0.9}
        case "reply":
            by = random.choice(["agent", "agent", "agent", "agent", "ai", "system"])
            return {"by": by, "public": random.random() < 0.85}
        case "status":
            return {"to": random.choice(STATUSES)}
        case "priority":
            return {"to": random.choice(PRIORITIES)}
        case "policy":
            return {"to": random.choice(["p", "q", "r", None])}
        case "assigned":
            return {"to": random.choice(["u1", "u2", None])}
        case _:
            return {}


def _policy(random):
    policy = {
        "calendar": random.choice(list(CALENDARS)),
        "targets": {priority: _targets(random) for priority in PRIORITIES if random.random() < 0.95},
    }
    if random.random() < 0.5:
        paused = random.sample(METRICS, random.randrange(len(METRICS) + 1))
        policy["pause_on"] = {metric: random.sample(STATUSES, random.randrange(4)) for metric in paused}
    if random.random() < 0.5:
        policy["thresholds"] = random.sample(LEVELS, random.randrange(1, 5))
    return policy


def _targets(random):
    # Hundreds of minutes, so that each of the levels is reached on a step.
    return {metric: 100 * random.randrange(1, 7) for metric in METRICS if random.random() < 0.85}
