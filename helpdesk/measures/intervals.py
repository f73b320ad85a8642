"""How far a figure may be from the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Statistic = Callable[[NDArray[np.int64]], float]


def bootstrap(
    values: Sequence[float] | NDArray[np.float64] | Statistic,
    *,
    count: int | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the interval that holds the statistic of `level` of the samples drawn with repetition (Efron 1979).

    Args:
        values: the values whose mean is wanted; or a function that takes the places of the cases drawn, int [count],
            and returns the figure, for what is no mean.
        count: how many cases there are; needed with a function only.
        draws: samples drawn.
        seed: of the draws: the same seed gives the same interval.

    Raises:
        ValueError: there is no case, or a function came without `count`.
    """
    if callable(values):
        statistic, cases = values, count
    else:
        array = np.asarray(values, dtype=np.float64)
        statistic, cases = (lambda drawn: float(array[drawn].mean())), len(array)
    if not cases:
        raise ValueError("There are no cases to draw from.")
    random = np.random.default_rng(seed)
    found = [statistic(random.integers(0, cases, cases)) for _ in range(draws)]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson(successes: float, total: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); 0 to 1 where nothing was tried."""
    if total <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / total
    centre = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def least_share(successes: float, total: float, *, level: float = 0.95) -> float:
    """Return the share that the truth exceeds with the probability `level`: the one-sided bound of Wilson's interval.

    Three of three say no more than .53.
    """
    return wilson(successes, total, level=2 * level - 1)[0]
