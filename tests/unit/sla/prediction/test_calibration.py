import numpy as np
import pytest

from helpdesk.measures.calibration import calibration_error
from helpdesk.sla.prediction.estimating.calibration import (
    KINDS,
    choose_calibrator,
    fit_calibrator,
    read_calibrator,
    recalibrate,
    sigmoid,
)

Promises = tuple[np.ndarray, np.ndarray]


def promises(count: int = 4000, *, seed: int = 1, slope: float = 1.0, shift: float = 0.0) -> Promises:
    """Return promises, and outcomes whose log odds are those of the promises times `slope` plus `shift`."""
    draw = np.random.default_rng(seed)
    log_odds = draw.normal(size=count)
    came = draw.uniform(size=count) < sigmoid(slope * log_odds + shift)
    return sigmoid(log_odds), came.astype(float)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "none"])
def test_promises_that_are_too_high_are_set_right(kind: str) -> None:
    promised, came = promises(shift=-1.0)
    fitted = fit_calibrator(kind, promised, came, np.ones(len(came)))
    new, fresh = promises(seed=2, shift=-1.0)
    assert calibration_error(fitted.apply(new), fresh) < 0.05 < calibration_error(new, fresh)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_calibrator_keeps_the_order_stays_within_bounds_and_survives_writing(kind: str) -> None:
    promised, came = promises(slope=2.0)
    fitted = fit_calibrator(kind, promised, came, np.ones(len(came)))
    line = fitted.apply(np.linspace(0, 1, 101))
    assert (np.diff(line) >= 0).all()
    assert (line[0] > 0) & (line[-1] < 1)
    np.testing.assert_array_equal(read_calibrator(fitted.write()).apply(promised), fitted.apply(promised))


def test_promises_that_are_kept_are_left_alone() -> None:
    assert choose_calibrator([promises(800, seed=seed) for seed in range(4)]).kind == "none"


def test_a_lag_that_every_fold_shows_is_made_up_for() -> None:
    chosen = choose_calibrator([promises(800, seed=seed, shift=-0.8) for seed in range(4)])
    assert chosen.kind != "none"
    new, fresh = promises(seed=9, shift=-0.8)
    assert chosen.apply(new).mean() == pytest.approx(fresh.mean(), abs=0.03)


def test_few_outcomes_are_set_right_by_no_more_than_a_shift() -> None:
    promised, came = promises(60, shift=-1.0)
    assert recalibrate("isotonic", promised, came).kind == "shift"


def test_hardly_any_outcomes_set_nothing_right() -> None:
    promised, came = promises(12)
    assert choose_calibrator([(promised, came)]).kind == "none"
    assert recalibrate("isotonic", promised, came).kind == "none"
