"""When clocks end: an interval from how far clocks like it went that had got as far.

Of n past clocks that had used more than this one has, the next one falls between the k-th smallest and the k-th
largest end with probability 1 - 2 k / (n + 1), if it is like them (split conformal prediction, Vovk et al. 2005).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from math import floor

from helpdesk.sla.prediction.hazard import Ended

# How many of a hundred clocks end within their interval.
LEVEL = 0.8
_LEAST_CASES = 30


class Endings:
    """The shares of the target that clocks had used when they ended, by metric and priority."""

    def __init__(self, ended: Iterable[Ended]) -> None:
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for clock in ended:
            found[clock.metric, clock.priority].append(clock.used)
            found[clock.metric, ""].append(clock.used)
        self._used = {key: sorted(each) for key, each in found.items()}

    def interval(self, metric: str, priority: str, used: float) -> tuple[float, float] | None:
        """Return between which shares of the target a clock that has used so much will end; None where few tell."""
        for key in ((metric, priority), (metric, "")):
            all_of_them = self._used.get(key, [])
            first = bisect_right(all_of_them, used)
            cases = len(all_of_them) - first
            if cases < _LEAST_CASES:
                continue
            place = floor((cases + 1) * (1 - LEVEL) / 2)
            return all_of_them[first + place - 1], all_of_them[len(all_of_them) - place]
        return None
