"""How likely a clock is to breach, from how clocks like it went on from the same point of their target.

A clock that has used a share of its target breaches with the frequency with which the organisation's clocks of that
metric and priority that got as far did breach. Frequencies of few cases are drawn towards those of many: priority
towards metric, metric towards a prior (an empirical Bayes shrinkage with a beta prior of `WEIGHT` cases; see Efron and
Morris, 1975). The load of the desk then moves the odds: with more open tickets a head than usual, and with more coming
in than going out, the same share used is worth less.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Share of the target used, from where on; a clock past its target has breached.
STEPS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)

# What is believed before the first case: as much as this many cases would say.
WEIGHT = 8.0
# Of the clocks that got as far as each step, the share that breached in the end, where nothing is known of a desk.
PRIOR = (0.15, 0.18, 0.25, 0.4, 0.6, 0.8)

# How much the logarithm of the load's ratio to the usual moves the log-odds: twice the load, 1.4 times the odds.
LOAD_WEIGHT = 0.5
_MOST_LOAD_SHIFT = 1.0

MOST_REASONS = 3
# A reason that moves the log-odds less than this tells nothing.
LEAST_WEIGHT = 0.05


@dataclass(frozen=True)
class Ended:
    """A clock of the past: the share of its target it used in the end (over 1 when it breached)."""

    metric: str
    priority: str
    used: float
    breached: bool


@dataclass(frozen=True)
class Moment:
    """A running clock as it stands.

    Attributes:
        used: share of the target used, in business time.
        backlog, usual_backlog: open tickets of the team now, and on the average day of the last four weeks.
        inflow, outflow: tickets opened and solved in the last 24 hours.
    """

    metric: str
    priority: str
    used: float
    backlog: int = 0
    usual_backlog: float = 0.0
    inflow: int = 0
    outflow: int = 0


@dataclass(frozen=True)
class Estimate:
    """A probability, and what speaks for it, the strongest first."""

    probability: float
    reasons: list[dict[str, str | float]] = field(default_factory=list)


def step_of(used: float) -> int:
    """Return the last step that a share of the target has reached."""
    return max(index for index, start in enumerate(STEPS) if used >= start or index == 0)


def next_step(used: float) -> float | None:
    """Return the share of the target from which a clock will be looked at with other eyes, None after the last step."""
    return next((start for start in STEPS if start > used), None)


class HazardTable:
    """Frequencies of breach by metric, priority and step."""

    def __init__(self, ended: Iterable[Ended]) -> None:
        self._reached: dict[tuple[str, str | None, int], int] = {}
        self._breached: dict[tuple[str, str | None, int], int] = {}
        self.cases = 0
        for clock in ended:
            self.cases += 1
            for step in range(step_of(clock.used) + 1):
                for priority in (None, clock.priority):
                    key = (clock.metric, priority, step)
                    self._reached[key] = self._reached.get(key, 0) + 1
                    self._breached[key] = self._breached.get(key, 0) + clock.breached

    def frequency(self, metric: str, priority: str, step: int) -> float:
        """Return the smoothed share of clocks at this step that went on to breach."""
        of_metric = self._shrink((metric, None, step), PRIOR[step])
        return self._shrink((metric, priority, step), of_metric)

    def cases_like(self, metric: str, priority: str, step: int) -> int:
        """Return how many clocks of that metric and priority got as far."""
        return self._reached.get((metric, priority, step), 0)

    def _shrink(self, key: tuple[str, str | None, int], towards: float) -> float:
        return (self._breached.get(key, 0) + WEIGHT * towards) / (self._reached.get(key, 0) + WEIGHT)

    def estimate(self, moment: Moment) -> Estimate:
        """Return the probability that a running clock breaches, with its reasons."""
        if moment.used > 1:
            return Estimate(1.0, [{"feature": "used", "weight": 1.0, "sentence": "The target has passed."}])
        step = step_of(moment.used)
        base = self.frequency(moment.metric, moment.priority, step)
        shifts = _load_shifts(moment)
        probability = _inverse_logit(_logit(base) + sum(shifts.values()))
        return Estimate(round(probability, 4), _reasons(self, moment, step, base, shifts))


def _load_shifts(moment: Moment) -> Mapping[str, float]:
    backlog = LOAD_WEIGHT * math.log((moment.backlog + 5) / (moment.usual_backlog + 5))
    inflow = LOAD_WEIGHT * math.log((moment.inflow + 5) / (moment.outflow + 5))
    return {"backlog": _bounded(backlog), "inflow": _bounded(inflow)}


def _reasons(
    table: HazardTable, moment: Moment, step: int, base: float, shifts: Mapping[str, float]
) -> list[dict[str, str | float]]:
    start = _logit(table.frequency(moment.metric, moment.priority, 0))
    weights = {"used": _logit(base) - start, "priority": start - _logit(PRIOR[0]), **shifts}
    cases = table.cases_like(moment.metric, moment.priority, step)
    metric = moment.metric.replace("_", " ")
    sentences = {
        "used": f"{100 * moment.used:.0f} % of the time for the {metric} is used.",
        "priority": f"{100 * base:.0f} % of {moment.priority} tickets breach from here ({cases} cases, smoothed).",
        "backlog": f"{moment.backlog} tickets are open, where {moment.usual_backlog:.0f} are usual.",
        "inflow": f"{moment.inflow} tickets came in and {moment.outflow} were solved in the last 24 hours.",
    }
    strongest = sorted(weights, key=lambda name: -abs(weights[name]))
    telling = [name for name in strongest if abs(weights[name]) >= LEAST_WEIGHT][:MOST_REASONS] or ["used"]
    return [{"feature": name, "weight": round(weights[name], 3), "sentence": sentences[name]} for name in telling]


def _bounded(shift: float) -> float:
    return max(-_MOST_LOAD_SHIFT, min(_MOST_LOAD_SHIFT, shift))


def _logit(probability: float) -> float:
    clipped = min(max(probability, 0.001), 0.999)
    return math.log(clipped / (1 - clipped))


def _inverse_logit(value: float) -> float:
    return 1 / (1 + math.exp(-value))
