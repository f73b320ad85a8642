from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from helpdesk.measures.calibration import brier, calibration_error, reliability


def test_the_calibration_error_is_the_gap_between_promise_and_outcome() -> None:
    assert calibration_error(np.full(10, 0.9), np.array([True] * 5 + [False] * 5)) == pytest.approx(0.4)


def test_bins_count_by_their_answers() -> None:
    # Three answers of .95 of which two are right, one of .15 that is wrong: (3·|.95 - 2/3| + .15) / 4.
    error = calibration_error([0.95, 0.95, 0.95, 0.15], [1, 1, 0, 0], bins=10)
    assert error == pytest.approx((3 * (0.95 - 2 / 3) + 0.15) / 4)


def test_a_kept_promise_has_no_error() -> None:
    assert calibration_error([0.5, 0.5, 1.0, 0.0], [1, 0, 1, 0]) == 0
    assert calibration_error([], []) == 0


def test_bins_tell_promise_and_outcome_and_leave_out_the_empty_ones() -> None:
    first, last = reliability([0.05, 0.15, 0.92, 1.0], [0, 1, 1, 1], bins=5)
    assert (first.low, first.high, first.count, first.observed) == (0.0, 0.2, 2, 0.5)
    assert first.promised == pytest.approx(0.1)
    assert (last.low, last.high, last.count, last.observed) == (0.8, 1.0, 2, 1.0)


def test_the_brier_score_is_the_mean_squared_gap() -> None:
    assert brier([1.0, 0.5], [1, 0]) == pytest.approx(0.125)
    random = np.random.default_rng(2)
    promised, came = random.random(200), random.integers(0, 2, 200)
    assert brier(promised, came) == pytest.approx(brier_score_loss(came, promised))


@pytest.mark.parametrize("promised", [[1.2], [-0.1], [float("nan")]])
def test_what_is_no_probability_is_refused(promised: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        brier(promised, [1])


def test_promises_without_their_outcomes_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        calibration_error([0.5, 0.5], [1])
