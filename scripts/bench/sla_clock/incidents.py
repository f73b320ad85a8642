"""Replay a log of real incidents: does the product's clock come to the verdicts that the log's own system came to?

The hours and targets are those that the data's description gives; they were inferred from the data.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import Event, EventType, Outcome, Policy, evaluate

# The log's times have no zone; taken for UTC, they keep their distances.
CALENDAR = Calendar.from_json(
    {"timezone": "UTC", "weekly": {day: [["14:00", "23:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
)
# The share of verdicts that must come out, by priority; the priority is the one the verdict was given under.
PRIORITIES = {"3": TicketPriority.NORMAL, "4": TicketPriority.LOW}
NEEDED = {"3": 0.999, "4": 1.0}
POLICY = Policy.from_json(
    {
        "calendar": "service",
        "targets": {"normal": {"resolution": 62 * 60}, "low": {"resolution": 133 * 60}},
        "pause_on": {"resolution": []},
    }
)


@dataclass
class Verdicts:
    """How many verdicts of one priority came out as in the log, and which did not."""

    same: int = 0
    other: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many there are."""
        return self.same + len(self.other)

    @property
    def share(self) -> float:
        """Return the share that came out, 1 where there are none."""
        return self.same / self.total if self.total else 1.0


def read(path: Path) -> Iterator[dict[str, str]]:
    """Read the incidents of a CSV file, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def replay(incidents: Iterable[Mapping[str, str]]) -> dict[str, Verdicts]:
    """Compute each closed incident's clock from its opening and its closing, and compare the verdicts by priority."""
    found = {priority: Verdicts() for priority in PRIORITIES}
    for incident in incidents:
        priority = incident["outcome_priority"][:1]
        if priority not in found or not incident["outcome_closed_at"]:
            continue
        met = _is_met(_moment(incident["opened_at"]), _moment(incident["outcome_closed_at"]), PRIORITIES[priority])
        if met == (incident["outcome_breached"] == "0"):
            found[priority].same += 1
        else:
            found[priority].other.append(incident["number"])
    return found


def falls_short(found: Mapping[str, Verdicts]) -> bool:
    """Tell whether too few verdicts came out."""
    return any(verdicts.share < NEEDED[priority] or not verdicts.total for priority, verdicts in found.items())


def _is_met(opened_at: datetime, closed_at: datetime, priority: TicketPriority) -> bool:
    log = [
        Event(opened_at, EventType.CREATED, priority=priority, policy="incidents"),
        Event(max(opened_at, closed_at), EventType.STATUS, status=TicketStatus.CLOSED),
    ]
    as_of = max(opened_at, closed_at) + timedelta(seconds=1)
    [clock] = evaluate(log, {"incidents": POLICY}, {"service": CALENDAR}, as_of=as_of)
    return clock.outcome is Outcome.MET


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
