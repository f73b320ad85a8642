"""How the rows of one category went so far, against what was usual when they did.

A rate of its own per category is worth little where there are thousands of them and few rows of each, and it grows
old where the base rate drifts. So what is summed up is by how much each outcome departed from the usual of its time,
and a category with few rows is drawn towards none (an empirical Bayes shrinkage; target encoding after
Micci-Barreca 2001, with earlier rows only, as the ordered statistics of Prokhorenkova et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from helpdesk.sla.prediction.estimating.table import Floats, Names

# As many rows as count like the departure itself.
WEIGHT = 20.0
# After so many outcomes, one counts half towards what is usual.
USUAL_HALF_LIFE = 2000.0
# Before the first outcome, either is as usual; as sure as after so many.
_START = 20.0


@dataclass(frozen=True)
class History:
    """What is known of each category at the end of a lesson: the sum of its departures, and how many rows it had."""

    sums: Mapping[str, float]
    counts: Mapping[str, float]

    def apply(self, values: Names) -> tuple[Floats, Floats]:
        """Return the smoothed departure of each value, and the logarithm of 1 + how many rows it rests on."""
        sums = np.array([self.sums.get(value, 0.0) for value in values.tolist()], dtype=np.float64)
        counts = np.array([self.counts.get(value, 0.0) for value in values.tolist()], dtype=np.float64)
        return sums / (counts + WEIGHT), np.log1p(counts)


def learn_history(values: Names, times: Floats, departures: Floats, known_at: Floats) -> tuple[History, Floats, Floats]:
    """Return the history at the end, and what it was for each row at its time: only outcomes known before count.

    Args:
        times: in rising order.
        departures: see `departures_of`.
    """
    sums: dict[str, float] = {}
    counts: dict[str, float] = {}
    rates, seen = np.zeros(len(times)), np.zeros(len(times))
    names = values.tolist()
    for row, learnt in _in_order(times, known_at):
        value = names[row]
        if learnt:
            sums[value] = sums.get(value, 0.0) + departures[row]
            counts[value] = counts.get(value, 0.0) + 1.0
        else:
            count = counts.get(value, 0.0)
            rates[row] = sums.get(value, 0.0) / (count + WEIGHT)
            seen[row] = count
    return History(sums, counts), rates, np.log1p(seen)


def departures_of(times: Floats, outcomes: Floats, known_at: Floats) -> Floats:
    """Return by how much each outcome departed from the usual rate of the outcomes known before it."""
    keep = 0.5 ** (1.0 / USUAL_HALF_LIFE)
    came, counted = _START / 2, _START
    departures = np.zeros(len(times))
    for row, learnt in _in_order(times, known_at):
        if learnt:
            departures[row] = outcomes[row] - came / counted
            came, counted = came * keep + outcomes[row], counted * keep + 1.0
    return departures


def _in_order(times: Floats, known_at: Floats) -> Iterator[tuple[int, bool]]:
    """Yield each row twice, when it was and when its outcome got known; of one moment, first those that were."""
    learnt = np.argsort(known_at, kind="stable").tolist()
    place = 0
    for row in range(len(times)):
        while place < len(learnt) and known_at[learnt[place]] < times[row]:
            yield learnt[place], True
            place += 1
        yield row, False
    for left in learnt[place:]:
        yield left, True
