"""Sets of labels that hold the right one as often as promised, for each label by itself.

Class-conditional split conformal prediction (Vovk 2012) with 1 - probability as the score; labels with too few tested
tickets for a quantile of their own share one (clustered conformal, Ding et al. 2023, with a single cluster).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ALPHA = 0.05


def fit_cuts(
    probabilities: NDArray[np.float64], targets: NDArray[np.int64], *, alpha: float = ALPHA
) -> NDArray[np.float32]:
    """Return for each label the least probability with which it belongs to the set; 0 where nothing rules it out.

    Args:
        probabilities: of tickets that the model had not seen [tickets, labels].
        targets: their labels.
        alpha: how often the right label may be missing.
    """
    given = probabilities[np.arange(len(targets)), targets]
    labels = probabilities.shape[1]
    own = [given[targets == label] for label in range(labels)]
    few = np.array([_rank(len(values), alpha) < 1 for values in own])
    shared = _cut(given[few[targets]] if few.any() else given, alpha)
    return np.array([shared if few[label] else _cut(own[label], alpha) for label in range(labels)], dtype=np.float32)


def _rank(count: int, alpha: float) -> int:
    """Return which of the sorted probabilities is the cut: at most alpha of the next ones are expected below it."""
    return int(np.floor(alpha * (count + 1) + 1e-9))


def _cut(values: NDArray[np.float64], alpha: float) -> float:
    rank = _rank(len(values), alpha)
    return float(np.sort(values)[rank - 1]) if rank >= 1 else 0.0


def set_of(chances: NDArray[np.float64], cuts: NDArray[np.float32], labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that cannot be ruled out, likeliest first; the likeliest always."""
    order = np.argsort(-chances, kind="stable")
    chosen = tuple(labels[place] for place in order if chances[place] >= cuts[place] - 1e-9)
    return chosen or (labels[int(order[0])],)
