from __future__ import annotations

import numpy as np
import pytest

from helpdesk.triage.classifying.thresholds import WANTED, fit_thresholds, threshold_of


def _answers(right: list[bool], promised: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return answers that all name label 0."""
    first = np.array(promised)
    return np.stack([first, 1 - first], axis=1), np.where(right, 0, 1)


@pytest.mark.parametrize(("count", "wanted", "opens"), [(3, 0.6, False), (51, 0.95, False), (52, 0.95, True), (132, 0.98, False), (133, 0.98, True)])  # fmt: skip  # noqa: E501
def test_it_takes_many_right_answers_to_promise_much(count: int, wanted: float, opens: bool) -> None:
    steps = fit_thresholds(*_answers([True] * count, np.linspace(0.99, 0.6, count).tolist()))
    assert (threshold_of(steps[0], wanted) <= 1) is opens


def test_the_threshold_is_where_the_bound_still_holds() -> None:
    # 200 sure answers are right; of 200 less sure ones only every other is.
    promised = [0.9] * 200 + [0.6] * 200
    steps = fit_thresholds(*_answers([True] * 200 + [True, False] * 100, promised))
    assert threshold_of(steps[0], 0.95) == pytest.approx(0.9)
    assert threshold_of(steps[0], 0.65) == pytest.approx(0.6)
    assert threshold_of(steps[0], 0.999) > 1


def test_a_label_that_is_never_named_has_no_threshold() -> None:
    steps = fit_thresholds(*_answers([True] * 100, [0.9] * 100))
    assert steps.shape == (2, len(WANTED))
    assert threshold_of(steps[1], 0.5) > 1


def test_thresholds_keep_their_word_on_fresh_tickets() -> None:
    random = np.random.default_rng(2)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        promised = random.uniform(0.5, 1, count)
        return _answers((random.random(count) < promised**2).tolist(), promised.tolist())

    threshold = threshold_of(fit_thresholds(*drawn(3000))[0], 0.85)
    probabilities, targets = drawn(20_000)
    assert threshold < 1
    assert (targets[probabilities[:, 0] >= threshold] == 0).mean() >= 0.84
