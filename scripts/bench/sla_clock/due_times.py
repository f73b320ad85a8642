"""Measure how many due times are computed in a second of processor time."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sla_clock.desk import HOURS, TARGETS

from helpdesk.models.values import TicketPriority
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import Event, EventType, Policy, evaluate

_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = ("mon", "tue", "wed", "thu", "fri")
_CALENDARS = [
    Calendar.from_json(hours)
    for hours in (
        HOURS | {"exceptions": {"2026-01-01": [], "2026-01-06": [], "2026-12-24": [["09:00", "12:00"]]}},
        {"timezone": "America/New_York", "weekly": {day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in _DAYS}},
        {"timezone": "Australia/Sydney", "weekly": {day: [["22:00", "06:00"]] for day in _DAYS}},
        {"timezone": "UTC", "always_open": True},
    )
]
_POLICY = Policy.from_json({"calendar": "office", "targets": TARGETS})


def measure_due_times(*, rounds: int) -> dict[str, float]:
    """Return due times a second of processor time: by the calendar alone, and by fresh tickets' clocks."""
    return {"reach": _rate(_reach, 50_000, 1, rounds), "evaluate": _rate(_evaluate, 5_000, 2, rounds)}


def _rate(work: Callable[[int], None], count: int, due_times: int, rounds: int) -> float:
    work(count // 10)
    rates = []
    for _ in range(rounds):
        began = time.process_time()
        work(count)
        rates.append(count * due_times / (time.process_time() - began))
    return round(statistics.median(rates))


def _reach(count: int) -> None:
    chance = random.Random(20)
    spans = [timedelta(minutes=minutes) for minutes in range(30, 6000, 7)]
    for _ in range(count):
        chance.choice(_CALENDARS).reach(_moment(chance), chance.choice(spans))


def _evaluate(count: int) -> None:
    """Open tickets at random times of a year; each has a first response and a resolution with their warnings."""
    chance = random.Random(20)
    policies = {"standard": _POLICY}
    for _ in range(count):
        at = _moment(chance)
        log = [Event(at, EventType.CREATED, priority=TicketPriority.NORMAL, policy="standard")]
        evaluate(log, policies, {"office": chance.choice(_CALENDARS)}, as_of=at)


def _moment(chance: random.Random) -> datetime:
    return _YEAR + timedelta(seconds=chance.randrange(360 * 24 * 3600))
