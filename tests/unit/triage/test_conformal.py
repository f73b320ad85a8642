from __future__ import annotations

import numpy as np

from helpdesk.triage.classifying.conformal import fit_cuts, set_of


def test_the_cut_of_a_label_is_its_own_quantile() -> None:
    # 39 tickets of one label with .01 … .39: floor(.05 · 40) = 2, so the second smallest is the cut.
    given = np.arange(1, 40) / 100
    probabilities = np.stack([given, 1 - given], axis=1)
    assert np.isclose(fit_cuts(probabilities, np.zeros(39, dtype=np.int64))[0], 0.02)


def test_labels_with_too_few_tickets_share_a_cut() -> None:
    probabilities = np.array([[0.6, 0.3, 0.1]] * 10 + [[0.2, 0.7, 0.1]] * 10)
    cuts = fit_cuts(probabilities, np.array([0] * 10 + [1] * 10))
    assert np.allclose(cuts, 0.6)


def test_with_hardly_any_tickets_nothing_is_ruled_out() -> None:
    assert fit_cuts(np.array([[0.9, 0.1]] * 5), np.zeros(5, dtype=np.int64)).tolist() == [0, 0]


def test_sets_of_fresh_tickets_hold_the_right_label_for_each_class() -> None:
    random = np.random.default_rng(1)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        targets = random.choice(3, count, p=[0.7, 0.2, 0.1])
        scores = random.normal(size=(count, 3)) + 1.5 * np.eye(3)[targets]
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), targets

    cuts = fit_cuts(*drawn(2000))
    probabilities, targets = drawn(6000)
    for label in range(3):
        mine = probabilities[targets == label]
        assert abs((mine[:, label] >= cuts[label]).mean() - 0.95) < 0.03


def test_a_set_is_never_empty_and_likeliest_first() -> None:
    labels = ("a", "b", "c")
    assert set_of(np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.1, 0.1], dtype=np.float32), labels) == ("b", "c", "a")
    assert set_of(np.array([0.2, 0.5, 0.3]), np.array([0.9, 0.9, 0.9], dtype=np.float32), labels) == ("b",)
