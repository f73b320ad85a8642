from __future__ import annotations

import numpy as np
import pytest

from helpdesk.measures.coverage import coverage_above, coverage_at


def test_coverage_is_the_largest_share_of_the_surest_that_is_right_often_enough() -> None:
    # Right, wrong, right, right: after four, three of four are right; after one, one of one.
    found = coverage_at([0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 1, 0], accuracy=0.75)
    assert (found.threshold, found.share, found.accuracy) == (0.6, 0.8, 0.75)


def test_a_later_recovery_counts() -> None:
    assert coverage_at([0.9, 0.8], [0, 1], accuracy=0.5).share == 1.0


def test_answers_of_the_same_promise_go_together() -> None:
    assert coverage_at([0.9, 0.9, 0.1], [1, 0, 0], accuracy=0.95).share == 0
    assert coverage_at(np.full(20, 0.5), np.array([1] * 19 + [0]), accuracy=0.95).share == 1


def test_where_none_is_right_enough_nothing_is_covered() -> None:
    none = coverage_at([0.9, 0.8], [0, 0])
    assert none.share == 0
    assert none.threshold > 1
    assert coverage_at([], []).share == 0


def test_a_threshold_chosen_elsewhere_covers_what_promises_as_much() -> None:
    found = coverage_above([0.9, 0.8, 0.3], [1, 0, 1], 0.8)
    assert (found.share, found.accuracy) == (pytest.approx(2 / 3), 0.5)
    assert coverage_above([0.3], [1], 0.9).share == 0
