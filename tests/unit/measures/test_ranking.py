from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from helpdesk.measures.ranking import auc, average_precision


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    # Pairs: (.8, .6) right, (.8, .3) right, (.4, .6) wrong, (.4, .3) right.
    assert auc([0.8, 0.4, 0.6, 0.3], [1, 1, 0, 0]) == 0.75
    assert auc([0.5, 0.5], [1, 0]) == 0.5
    assert auc([0.5, 0.7], [1, 1]) == 0.5


def test_average_precision_by_hand() -> None:
    # Positives at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert average_precision([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.9], [0]) == 0


def test_ties_and_all_agree_with_scikit_learn() -> None:
    random = np.random.default_rng(3)
    scores, outcomes = random.integers(0, 20, 400) / 20, random.integers(0, 2, 400)
    assert auc(scores, outcomes) == pytest.approx(roc_auc_score(outcomes, scores))
    assert average_precision(scores, outcomes) == pytest.approx(average_precision_score(outcomes, scores))
