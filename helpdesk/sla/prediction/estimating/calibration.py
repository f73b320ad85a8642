"""Bring promised probabilities in line with what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpdesk.measures.calibration import brier
from helpdesk.sla.prediction.estimating.table import Floats

# From the simplest to the one that needs most: how many outcomes it takes, and how many of each kind.
KINDS: Mapping[str, tuple[int, int]] = {
    "none": (0, 0),
    "shift": (30, 5),
    "platt": (100, 20),
    "beta": (200, 40),
    "isotonic": (1000, 200),
}
# What a more complex kind has to gain in the Brier score.
_LEAST_GAIN = 0.0005
_EDGE = 1e-4
_RIDGE = 1.0


@dataclass(frozen=True)
class Calibrator:
    """From a probability to the one that is meant.

    Attributes:
        low, high, shift: log odds = low x ln p - high x ln (1 - p) + shift (Kull, Silva Filho and Flach 2017); with
            low = high that is Platt's scaling of the log odds, with both 1 a shift of them.
        knots, values: in place of that, the points of a rising line (Zadrozny and Elkan 2002).
    """

    kind: str
    low: float = 1.0
    high: float = 1.0
    shift: float = 0.0
    knots: Sequence[float] = ()
    values: Sequence[float] = ()

    def apply(self, probabilities: Floats) -> Floats:
        """Return the calibrated probabilities; their order is kept."""
        if self.knots:
            return np.asarray(np.interp(probabilities, self.knots, self.values), dtype=np.float64)
        clipped = np.clip(probabilities, _EDGE, 1 - _EDGE)
        return sigmoid(self.low * np.log(clipped) - self.high * np.log(1 - clipped) + self.shift)

    def write(self) -> dict[str, Any]:
        """Return the calibrator as JSON has it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def sigmoid(log_odds: Floats) -> Floats:
    """Return the probability of log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -35, 35))), dtype=np.float64)


def fit_calibrator(kind: str, probabilities: Floats, outcomes: Floats, weights: Floats) -> Calibrator:
    """Fit one kind of calibrator to what came of promises that were made without knowing it."""
    if kind == "none":
        return Calibrator("none")
    if kind == "isotonic":
        return _fit_isotonic(probabilities, outcomes, weights)
    clipped = np.clip(probabilities, _EDGE, 1 - _EDGE)
    low, high, one = np.log(clipped), -np.log(1 - clipped), np.ones(len(clipped))
    if kind == "shift":
        (shift,) = _fit_logistic([one], low + high, outcomes, weights, start=[0.0])
        return Calibrator(kind, shift=shift)
    if kind == "beta":
        a, b, c = _fit_logistic([low, high, one], 0 * low, outcomes, weights, start=[1.0, 1.0, 0.0])
        if a > 0 and b > 0:
            return Calibrator(kind, a, b, c)
    slope, shift = _fit_logistic([low + high, one], 0 * low, outcomes, weights, start=[1.0, 0.0])
    return Calibrator("platt", max(slope, 0.05), max(slope, 0.05), shift)


def choose_calibrator(folds: Sequence[tuple[Floats, Floats]]) -> Calibrator:
    """Fit the kind of calibrator that did best on each fold when it was fitted to the folds before it.

    A fold counts twice as much as the one before: what comes next will be most like the newest.

    Args:
        folds: promises made without knowing the outcomes, and the outcomes, the oldest first.
    """
    losses: dict[str, list[float]] = {}
    for place in range(1, len(folds)):
        earlier, (promised, came) = folds[:place], folds[place]
        for kind in _possible(earlier):
            fitted = fit_calibrator(kind, *_joined(earlier))
            losses.setdefault(kind, []).append(brier(fitted.apply(promised), came))
    # Only kinds that could be tried on all folds can be compared.
    mean = {kind: float(np.mean(each)) for kind, each in losses.items() if len(each) == len(folds) - 1}
    best = "none" if mean else next(iter(reversed(_possible(folds))), "none")
    for kind, loss in mean.items():
        if loss < mean[best] - _LEAST_GAIN:
            best = kind
    return fit_calibrator(best, *_joined(folds))


def recalibrate(kind: str, probabilities: Floats, outcomes: Floats) -> Calibrator:
    """Fit a calibrator of a kind to a recent window, or the nearest simpler one that the window suffices for."""
    kinds = list(KINDS)
    # What needed nothing before may since have drifted away from the rate.
    most = max(kinds.index(kind), kinds.index("shift"))
    wanted = [one for one in _possible([(probabilities, outcomes)]) if kinds.index(one) <= most][-1]
    return fit_calibrator(wanted, probabilities, outcomes, np.ones(len(outcomes)))


def read_calibrator(written: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator that `Calibrator.write` wrote."""
    return Calibrator(**written)


def _possible(folds: Sequence[tuple[Floats, Floats]]) -> list[str]:
    came = float(sum(outcomes.sum() for _, outcomes in folds))
    rows = sum(len(outcomes) for _, outcomes in folds)
    return [kind for kind, (least, of_each) in KINDS.items() if rows >= least and min(came, rows - came) >= of_each]


def _joined(folds: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    weights = [np.full(len(came), 2.0 ** (place - len(folds) + 1)) for place, (_, came) in enumerate(folds)]
    return (
        np.concatenate([promised for promised, _ in folds]),
        np.concatenate([came for _, came in folds]),
        np.concatenate(weights),
    )


def _fit_isotonic(probabilities: Floats, outcomes: Floats, weights: Floats) -> Calibrator:
    """Fit a rising line through the middles of the steps; the first and last keep half an outcome of doubt."""
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 (slow to import)

    steps = IsotonicRegression().fit_transform(probabilities, outcomes, sample_weight=weights)
    knots, values = [], []
    for step in np.unique(steps):
        here = steps == step
        size = float(weights[here].sum())
        knots.append(float(np.average(probabilities[here], weights=weights[here])))
        values.append((float(step) * size + 0.5) / (size + 1.0))
    return Calibrator("isotonic", knots=knots, values=np.maximum.accumulate(values).tolist())


def _fit_logistic(
    columns: Iterable[Floats], offset: Floats, outcomes: Floats, weights: Floats, *, start: Sequence[float]
) -> list[float]:
    """Return the coefficients of a weighted logistic regression, drawn a little towards where it starts (Newton)."""
    rows, first = np.column_stack(list(columns)), np.asarray(start)
    found = first.copy()
    for _ in range(50):
        promised = sigmoid(rows @ found + offset)
        slope = rows.T @ (weights * (outcomes - promised)) - _RIDGE * (found - first)
        curve = (rows * (weights * promised * (1 - promised))[:, None]).T @ rows + _RIDGE * np.eye(len(found))
        step = np.clip(np.linalg.solve(curve, slope), -2.0, 2.0)
        found = found + step
        if float(np.abs(step).max()) < 1e-8:
            break
    return [float(one) for one in found]
