from __future__ import annotations

import numpy as np
import pytest

from helpdesk.measures.intervals import bootstrap, least_share, wilson


def test_wilson_gives_the_published_values() -> None:
    # 8 of 10: (.4902, .9433); 0 of 10: (0, .2775), as in Newcombe's comparison of methods (1998).
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(0, 0) == (0, 1)


def test_a_few_successes_promise_little() -> None:
    assert least_share(3, 3) == pytest.approx(3 / (3 + 1.6449**2), abs=1e-3)
    assert least_share(300, 300) > 0.99
    assert least_share(0, 0) == 0


def test_the_bootstrap_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(4).normal(10, 2, 400)
    low, high = bootstrap(values, draws=2000)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert bootstrap(values, draws=50) == bootstrap(values, draws=50)


def test_any_figure_can_be_drawn_again() -> None:
    truth = np.array([1, 1, 0, 0] * 25)
    low, high = bootstrap(lambda drawn: float(np.median(truth[drawn])), count=len(truth), draws=100)
    assert 0 <= low <= high <= 1


def test_nothing_has_no_interval() -> None:
    with pytest.raises(ValueError, match="no cases"):
        bootstrap([])
    with pytest.raises(ValueError, match="no cases"):
        bootstrap(lambda drawn: 0.0)
