from __future__ import annotations

import pytest

from helpdesk.kb.suggestions.floor import fitted_floor
from helpdesk.rag.retrieval.fusion_weights import RELEVANCE_FLOOR


def test_the_shipped_floor_holds_until_enough_is_judged() -> None:
    floor = fitted_floor([(0.9, False)] * 29)
    assert floor.value == RELEVANCE_FLOOR
    assert "29 of the 30 judged" in floor.reason


def test_the_floor_is_the_lowest_relevance_that_gives_the_wanted_precision() -> None:
    good = [(0.7 + 0.01 * number, True) for number in range(20)]
    bad = [(0.4 + 0.01 * number, False) for number in range(20)]
    floor = fitted_floor(good + bad, wanted=0.8)
    # 20 good ones and the 5 best of the bad ones are 80 %.
    assert floor.value == pytest.approx(0.55)
    assert "80% were of use" in floor.reason
    assert fitted_floor(good + bad, wanted=1.0).value == pytest.approx(0.7)


def test_nothing_speaks_for_a_higher_floor_where_all_that_was_shown_helped() -> None:
    floor = fitted_floor([(0.4 + 0.01 * number, True) for number in range(40)])
    assert floor.value == RELEVANCE_FLOOR


def test_where_no_floor_is_good_enough_the_best_one_is_taken_and_says_so() -> None:
    judged = [(0.9, number % 2 == 0) for number in range(20)] + [(0.5, False) for _ in range(20)]
    floor = fitted_floor(judged, wanted=0.8)
    assert floor.value == 0.9
    assert "no floor reaches the wanted 80%" in floor.reason


def test_a_floor_never_stands_where_hardly_anything_was_judged() -> None:
    judged = [(0.95, True)] * 3 + [(0.6, False)] * 40
    assert fitted_floor(judged, wanted=0.8).value == 0.6
