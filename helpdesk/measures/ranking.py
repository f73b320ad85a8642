"""How well scores order what came true before what did not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def auc(scores: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the chance that a positive scores above a negative, ties counting half; .5 without either.

    The area under the ROC curve as the Mann-Whitney statistic (Hanley and McNeil 1982).
    """
    from scipy.stats import rankdata  # noqa: PLC0415 (slow to import, and few processes measure)

    positive = np.asarray(outcomes).astype(bool)
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return 0.5
    ranks = rankdata(np.asarray(scores, dtype=np.float64))[positive].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(scores: ArrayLike, outcomes: ArrayLike) -> float:
    """Return the precision averaged over the recall gained (PR-AUC as a step function); 0 without a positive.

    As scikit-learn's `average_precision_score`: answers of the same score come at once.
    """
    from sklearn.metrics import average_precision_score  # noqa: PLC0415 (as above)

    positive = np.asarray(outcomes).astype(bool)
    return float(average_precision_score(positive, np.asarray(scores))) if positive.any() else 0.0
