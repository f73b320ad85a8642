"""Bring the promised probabilities in line with what was kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# The first documents of a query: score, whether it answers, how much it counts, the query's `best_` features, and the
# query's weight.
First = tuple[Floats, NDArray[np.bool_], Floats, dict[str, float], float]
_BOUND = 1e-6


def fit_promise(firsts: Sequence[First], names: Sequence[str]) -> tuple[float, float, dict[str, float]]:
    """Return scale, intercept and weights of the `best_` features of a logistic regression; only the intercept may
    be negative. A whisper of a penalty keeps what nothing in the queries tells at zero.
    """  # noqa: D205 -- one sentence
    columns = np.concatenate(
        [
            np.column_stack([scores, *(np.full(len(scores), best[name]) for name in names)])
            for scores, _, _, best, _ in firsts
        ]
    )
    right, counts = _targets(firsts)
    counts = counts / counts.sum()
    found = _logistic(columns, right, counts, centre=np.zeros(columns.shape[1] + 1), strength=1e-5, least=0.0)
    return float(found[1]), float(found[0]), dict(zip(names, found[2:].tolist(), strict=True))


def fit_line(firsts: Sequence[First], *, strength: float) -> tuple[float, float]:
    """Return slope and intercept for log odds (Platt 1999), pulled towards 1 and 0 as by `strength` queries."""
    scores = np.concatenate([first[0] for first in firsts])[:, None]
    right, counts = _targets(firsts)
    found = _logistic(scores, right, counts, centre=np.array([0.0, 1.0]), strength=strength, least=0.05)
    return float(found[1]), float(found[0])


def isotonic(firsts: Sequence[First]) -> tuple[tuple[float, float], ...]:
    """Return rising pairs of promised probability and the share that kept it (pool adjacent violators)."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 -- half of what a worker's start would take

    promised = np.concatenate([first[0] for first in firsts])
    right, counts = _targets(firsts)
    regression = IsotonicRegression(y_min=0.01, y_max=0.99, out_of_bounds="clip")
    regression.fit(promised, right.astype(float), sample_weight=counts)
    pairs = zip(regression.X_thresholds_.tolist(), regression.y_thresholds_.tolist(), strict=True)
    return tuple((round(place, 5), round(value, 5)) for place, value in pairs)


def _targets(firsts: Sequence[First]) -> tuple[NDArray[np.bool_], Floats]:
    right = np.concatenate([first[1] for first in firsts])
    return right, np.concatenate([first[2] * first[4] for first in firsts])


def _logistic(
    columns: Floats, right: NDArray[np.bool_], counts: Floats, *, centre: Floats, strength: float, least: float
) -> Floats:
    """Return intercept and weights of least summed log loss and distance from the centre."""
    from scipy.optimize import minimize  # noqa: PLC0415 -- half of what a worker's start would take

    signs = np.where(right, 1.0, -1.0)

    def objective(found: Floats) -> tuple[float, Any]:
        logits = found[0] + columns @ found[1:]
        losses = np.logaddexp(0.0, -signs * logits)
        slope = counts * -signs * np.exp(-np.logaddexp(0.0, signs * logits))
        away = found - centre
        whole = np.concatenate([[slope.sum()], slope @ columns]) + 2 * strength * away
        return float((counts * losses).sum() + strength * (away @ away)), whole

    bounds = [(None, None), *[(least, None)] * columns.shape[1]]
    start = np.maximum(centre, [centre[0], *[0.1] * columns.shape[1]])
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
