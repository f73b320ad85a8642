"""How much each head counts, and how sure their sum may be: what makes probabilities keep what they promise.

Weights of the heads' scores with the least logarithmic loss on tickets that the heads had not seen. Their sum is the
inverse of the temperature (Guo et al. 2017), which is thus fitted with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.heads import log_softmax

# Fewer labelled tickets than this teach nothing that descriptions do not say better.
MIN_EXAMPLES = 20
# How many tickets' worth of evidence it takes to double or to drop a head's usual weight.
_FIRMNESS = 2.0


def fit_weights(
    scores: Sequence[NDArray[np.float32]],
    targets: NDArray[np.int64],
    weights: NDArray[np.float64],
    *,
    usual: Sequence[float],
) -> NDArray[np.float64]:
    """Return a weight for each head, none below 0, held near the usual ones while there are few tickets.

    Args:
        scores: of each head [tickets, labels].
        weights: how much each ticket counts.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 (slow to import, and few processes train)

    stacked, start = np.stack(scores).astype(np.float64), np.array(usual, dtype=np.float64)
    rows = np.arange(len(targets))
    picked = stacked[:, rows, targets]

    def loss(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logs = log_softmax(np.tensordot(shares, stacked, axes=1))
        expected = (np.exp(logs)[None] * stacked).sum(axis=2)
        away = (shares - start) / start
        value = -(weights * logs[rows, targets]).sum() + _FIRMNESS * (away @ away)
        return float(value), ((expected - picked) * weights).sum(axis=1) + 2 * _FIRMNESS * away / start

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(start)).x
    # A head that is nearly silent costs as much time as the others.
    return np.where(found < start / 50, 0.0, found) if (found >= start / 50).any() else start


def keep_doubt(probabilities: NDArray[np.float64], *, examples: int) -> NDArray[np.float64]:
    """Mix in so much of the uniform distribution that n examples promise (n + 1) / (n + 2) at most.

    That is the rule of succession. What descriptions alone tell counts like 20 examples, and each label against it.
    """
    labels = probabilities.shape[-1]
    if labels < 2:
        return probabilities
    doubt = labels / ((labels - 1) * (examples + 2)) if examples else labels / (MIN_EXAMPLES + labels)
    return np.asarray((1 - doubt) * probabilities + doubt / labels)
