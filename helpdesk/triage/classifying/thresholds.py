"""From which probability on a label is right as often as wanted.

The bound is one-sided (Wilson 1927, 95 %), so that a few lucky tickets prove nothing: with all of them right it
takes 25 for 90 %, 52 for 95 % and 133 for 98 %.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from helpdesk.measures.intervals import least_share

# The accuracies that thresholds are kept for.
WANTED = np.append(np.arange(50, 100) / 100, [0.995])
NEVER = 2.0


def fit_thresholds(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the least probability for each label and wanted accuracy [labels, WANTED]; 2 is never.

    Args:
        probabilities: of tickets that the model had not seen [tickets, labels].
        targets: their labels.
    """
    chosen, surest = probabilities.argmax(axis=1), probabilities.max(axis=1)
    labels = probabilities.shape[1]
    return np.stack([_thresholds(surest[chosen == one], targets[chosen == one] == one) for one in range(labels)])


def _thresholds(promised: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the thresholds of one label by the answers that named it."""
    order = np.argsort(-promised, kind="stable")
    found = np.full(len(WANTED), NEVER, dtype=np.float32)
    successes = np.cumsum(right[order])
    for place, threshold in enumerate(promised[order].tolist()):
        if place + 1 < len(order) and promised[order[place + 1]] == threshold:
            continue
        bound = least_share(float(successes[place]), place + 1)
        found[bound >= WANTED] = threshold
    return found


def threshold_of(steps: NDArray[np.float32], wanted_accuracy: float) -> float:
    """Return the threshold of the nearest accuracy kept that is not lower; 2 (never) above the last."""
    place = int(np.searchsorted(WANTED, wanted_accuracy - 1e-9))
    return float(steps[place]) if place < len(WANTED) else NEVER
