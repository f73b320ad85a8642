"""Measures of chosen classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def accuracy(truth: ArrayLike, chosen: ArrayLike) -> float:
    """Return the share of answers that are right; 0 of none."""
    pairs = np.asarray(truth) == np.asarray(chosen)
    return float(pairs.mean()) if pairs.size else 0.0


def macro_f1(truth: ArrayLike, chosen: ArrayLike) -> float:
    """Return the mean over classes of F1 = 2 right / (chosen + true), each class counting alike; 0 of none.

    As scikit-learn's `f1_score(average="macro")`: classes are those that occur on either side.
    """
    true, given = np.asarray(truth), np.asarray(chosen)
    scores = [_f1(true == label, given == label) for label in np.unique(np.concatenate([true, given]))]
    return float(np.mean(scores)) if scores else 0.0


def precision_recall(truth: ArrayLike, chosen: ArrayLike, label: Any) -> tuple[float, float]:
    """Return which share of the answers `label` are right, and which share of the true ones were found; 0 of none."""
    true, given = np.asarray(truth) == label, np.asarray(chosen) == label
    right = float((true & given).sum())
    return right / max(float(given.sum()), 1.0), right / max(float(true.sum()), 1.0)


def _f1(true: Any, given: Any) -> float:
    return 2 * float((true & given).sum()) / max(float(true.sum() + given.sum()), 1.0)
