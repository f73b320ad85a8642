"""What speaks for a probability, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from helpdesk.sla.prediction.features import Features
from helpdesk.sla.prediction.hazard import LEAST_WEIGHT, MOST_REASONS

Reason = dict[str, str | float]
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Columns that say one thing between them.
_TOGETHER = {
    "left_h": "used",
    "hour": "time_of_week",
    "weekday": "time_of_week",
    "hour_of_week": "time_of_week",
    "outflow": "inflow",
    "category_cases": "category",
    "category_breaches": "category",
    "company_cases": "company",
    "company_breaches": "company",
    "questions": "replies",
    "last_sender": "silent_h",
}


def reasons_of(features: Features, contributions: Mapping[str, float]) -> list[Reason]:
    """Return what moves the log odds of a moment most, the strongest first.

    Args:
        contributions: by column, see `Estimator.contributions`.
    """
    weights: dict[str, float] = {}
    for column, weight in contributions.items():
        name = _TOGETHER.get(column, column)
        weights[name] = weights.get(name, 0.0) + weight
    strongest = sorted(weights, key=lambda name: (-abs(weights[name]), name))
    telling = [name for name in strongest if abs(weights[name]) >= LEAST_WEIGHT][:MOST_REASONS] or ["used"]
    return [
        {"feature": name, "weight": round(weights.get(name, 0.0), 3), "sentence": _sentence(name, features)}
        for name in telling
    ]


def _sentence(name: str, features: Features) -> str:
    return _SENTENCES[name](features) if name in _SENTENCES else f"{name.replace('_', ' ').capitalize()} counts."


def _used(features: Features) -> str:
    metric = features.metric.replace("_", " ")
    return f"{100 * features.used:.0f} % of the time for the {metric} is used, {features.left_h:.1f} hours are left."


def _clock_time(features: Features) -> str:
    minutes = round(features.hour * 60)
    return f"It is {_DAYS[features.weekday]}, {minutes // 60:02d}:{minutes % 60:02d}."


def _past(of: str, above: float, cases: int) -> str:
    if not cases:
        return f"Nothing is known yet of how clocks of this {of} went."
    how = "oftener" if above > 0 else "more seldom"
    return f"Clocks of this {of} breach {how} than others: {100 * abs(above):.0f} points, of {cases} in 90 days."


def _silence(features: Features) -> str:
    who = {"customer": "the requester", "agent": "an agent"}.get(features.last_sender, "the system")
    return f"The last word was from {who}, {features.silent_h:.1f} hours ago."


_SENTENCES: Mapping[str, Callable[[Features], str]] = {
    "used": _used,
    "age_h": lambda f: f"The clock began {f.age_h:.1f} hours ago.",
    "time_of_week": _clock_time,
    "metric": lambda f: f"It is the clock of the {f.metric.replace('_', ' ')}.",
    "priority": lambda f: f"Its priority is {f.priority}.",
    "type": lambda f: f"It is of the type {f.type}.",
    "team": lambda f: f"It is with the team {f.team}." if f.team else "It is with no team.",
    "channel": lambda f: f"It came in by {f.channel or 'an unknown channel'}.",
    "assigned": lambda f: "It is somebody's." if f.assigned else "It is nobody's yet.",
    "replies": lambda f: f"Agents have written {f.replies} times, the requester {f.questions} times again.",
    "notes": lambda f: f"It has {f.notes} internal notes.",
    "reopenings": lambda f: f"It was opened again {f.reopenings} times.",
    "handovers": lambda f: f"It was given to somebody {f.handovers} times.",
    "silent_h": _silence,
    "backlog": lambda f: f"{f.backlog} tickets of its team are open.",
    "agent_backlog": lambda f: f"Its agent has {f.agent_backlog} open tickets.",
    "inflow": lambda f: f"{f.inflow} tickets came to the team and {f.outflow} were solved in the last 24 hours.",
    "desk_breaches": lambda f: f"{100 * f.desk_breaches:.0f} % of such clocks breached in the last 90 days.",
    "category": lambda f: _past("category", f.category_breaches, f.category_cases),
    "company": lambda f: _past("company", f.company_breaches, f.company_cases),
}
