from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from helpdesk.measures.classes import accuracy, macro_f1, precision_recall


def test_accuracy_is_the_share_that_is_right() -> None:
    assert accuracy(["a", "b", "b", "c"], ["a", "b", "c", "c"]) == 0.75
    assert accuracy([], []) == 0


def test_macro_f1_counts_each_class_alike() -> None:
    # a: 2·1/(1+1) = 1; b: 2·1/(1+2) = 2/3; c: 2·1/(2+1) = 2/3.
    assert macro_f1(["a", "b", "b", "c"], ["a", "b", "c", "c"]) == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert macro_f1([], []) == 0


def test_macro_f1_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(1)
    truth, chosen = random.integers(0, 6, 300), random.integers(0, 7, 300)
    assert macro_f1(truth, chosen) == pytest.approx(f1_score(truth, chosen, average="macro", zero_division=0))


def test_precision_and_recall_of_one_label() -> None:
    assert precision_recall(["x", "x", "x", "y"], ["x", "y", "x", "x"], "x") == pytest.approx((2 / 3, 2 / 3))
    assert precision_recall(["y"], ["y"], "x") == (0, 0)
