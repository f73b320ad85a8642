"""How many answers can be trusted without a second look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Coverage:
    """The surest answers of which a wanted share is right.

    Attributes:
        threshold: the least promise among them; above 1 where there are none.
        share: how much of all answers they are.
        accuracy: how many of them are right; 0 where there are none.
    """

    threshold: float
    share: float
    accuracy: float


def coverage_at(promised: ArrayLike, right: ArrayLike, accuracy: float = 0.95) -> Coverage:
    """Return the largest share of the surest answers of which the wanted share is right.

    The point of the risk-coverage curve at risk 1 - accuracy (El-Yaniv and Wiener 2010). Answers of the same promise
    go together: no threshold tells them apart.
    """
    probabilities, outcomes = np.asarray(promised, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not probabilities.size:
        return Coverage(2.0, 0.0, 0.0)
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    reached = np.cumsum(outcomes[order]) / np.arange(1, len(order) + 1)
    last_of_its_kind = np.append(ranked[1:] != ranked[:-1], [True])
    good = np.flatnonzero(last_of_its_kind & (reached >= accuracy))
    if not good.size:
        return Coverage(2.0, 0.0, 0.0)
    most = int(good[-1])
    return Coverage(float(ranked[most]), (most + 1) / len(order), float(reached[most]))


def coverage_above(promised: ArrayLike, right: ArrayLike, threshold: float) -> Coverage:
    """Return which share of the answers promises the threshold or more, and how many of those are right."""
    probabilities, outcomes = np.asarray(promised, dtype=np.float64), np.asarray(right, dtype=np.float64)
    sure = probabilities >= threshold
    if not sure.any():
        return Coverage(threshold, 0.0, 0.0)
    return Coverage(threshold, float(sure.mean()), float(outcomes[sure].mean()))
