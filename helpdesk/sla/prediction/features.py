"""What is known of a running clock at one moment, and the columns it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from helpdesk.sla.prediction.estimating.table import Table


@dataclass(frozen=True, kw_only=True)
class Features:
    """A running clock at one moment; nothing here was not known then.

    Attributes:
        used: share of the target used, in business time.
        left_h: business hours left of the target.
        age_h: hours since the clock began, by the wall.
        hour, weekday: of the moment where the organisation is, Monday 0.
        priority, type, category, team, channel: of the ticket then, as people or triage had set them.
        assigned: whether it was somebody's.
        replies, questions, notes: public words of agents, public words of the requester, internal notes so far.
        reopenings, handovers: how often it was opened again, and given to somebody.
        silent_h: hours since the last public word.
        last_sender: who wrote it.
        backlog, agent_backlog: open tickets of its team (of the desk where it has none) and of its agent.
        inflow, outflow: tickets that came to the team and that it solved in the last 24 hours.
        desk_breaches, category_breaches, company_breaches: of the clocks of this metric decided in the last 90 days,
            the smoothed share that breached; those of the category and of the company less that of the desk.
        category_cases, company_cases: how many clocks those rest on.
    """

    metric: str
    priority: str
    used: float
    left_h: float = 0.0
    age_h: float = 0.0
    hour: float = 0.0
    weekday: int = 0
    type: str = ""
    category: str = ""
    team: str = ""
    channel: str = ""
    assigned: bool = False
    replies: int = 0
    questions: int = 0
    notes: int = 0
    reopenings: int = 0
    handovers: int = 0
    silent_h: float = 0.0
    last_sender: str = ""
    backlog: int = 0
    agent_backlog: int = 0
    inflow: int = 0
    outflow: int = 0
    desk_breaches: float = 0.0
    category_breaches: float = 0.0
    company_breaches: float = 0.0
    category_cases: int = 0
    company_cases: int = 0


_CATEGORIES = frozenset({"metric", "priority", "type", "category", "team", "channel", "last_sender"})


def table_of(features: Sequence[Features]) -> Table:
    """Return the columns of moments; the hours of the week are one, so that a weekday's evening can be told."""
    rows: list[dict[str, Any]] = [asdict(one) for one in features]
    names = Features.__dataclass_fields__
    numbers = {
        name: np.array([float(row[name]) for row in rows], dtype=np.float64)
        for name in names
        if name not in _CATEGORIES
    }
    numbers["hour_of_week"] = numbers["weekday"] * 24 + numbers["hour"]
    return Table(numbers, {name: np.array([row[name] for row in rows], dtype=np.str_) for name in sorted(_CATEGORIES)})
