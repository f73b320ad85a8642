"""Whether probabilities keep what they promise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bin:
    """Answers that promised about the same.

    Attributes:
        low, high: the limits of the promises.
        promised: the mean promise.
        observed: the share that came true.
    """

    low: float
    high: float
    count: int
    promised: float
    observed: float


def reliability(promised: ArrayLike, right: ArrayLike, bins: int = 10) -> list[Bin]:
    """Return the bins of equal width that hold any answer, lowest first (DeGroot and Fienberg 1983).

    Args:
        promised: probabilities, 0 to 1.
        right: whether each came true.
        bins: how many bins 0 to 1 is divided into.

    Raises:
        ValueError: the two differ in length, or a promise is no probability.
    """
    probabilities, outcomes = _checked(promised, right)
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    found = []
    for place in np.unique(places).tolist():
        here = places == place
        found.append(
            Bin(
                low=place / bins,
                high=(place + 1) / bins,
                count=int(here.sum()),
                promised=float(probabilities[here].mean()),
                observed=float(outcomes[here].mean()),
            )
        )
    return found


def calibration_error(promised: ArrayLike, right: ArrayLike, bins: int = 15) -> float:
    """Return the expected calibration error: the mean gap of promise and outcome over bins of equal width; 0 of none.

    Naeini, Cooper and Hauskrecht 2015; 15 bins as Guo et al. 2017.
    """
    found = reliability(promised, right, bins)
    answers = sum(one.count for one in found)
    return sum(one.count * abs(one.promised - one.observed) for one in found) / answers if answers else 0.0


def brier(probabilities: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the mean squared gap of probability and outcome (Brier 1950, in the form for two outcomes); 0 of none."""
    promised, came = _checked(probabilities, outcomes)
    return float(np.mean((promised - came) ** 2)) if promised.size else 0.0


def _checked(promised: ArrayLike, right: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    probabilities, outcomes = np.asarray(promised, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if probabilities.shape != outcomes.shape or probabilities.ndim != 1:
        raise ValueError(f"{probabilities.shape} promises do not fit {outcomes.shape} outcomes.")
    # Sums of float32 may exceed 1 by a rounding.
    if probabilities.size and not (probabilities.min() >= -1e-6 and probabilities.max() <= 1 + 1e-6):
        raise ValueError("A probability lies between 0 and 1.")
    return np.clip(probabilities, 0.0, 1.0), outcomes
