from __future__ import annotations

from helpdesk.kb.gaps.identity import matched


def test_a_cluster_keeps_the_gap_that_most_of_its_questions_were_in() -> None:
    assert matched([["a", "b", "c", "new"], ["x", "y"]], {"badge": ["a", "b", "c"], "menu": ["x", "y", "z"]}) == {
        0: "badge",
        1: "menu",
    }


def test_of_a_gap_that_fell_apart_the_larger_part_keeps_its_name() -> None:
    assert matched([["d", "e"], ["a", "b", "c"]], {"badge": ["a", "b", "c", "d", "e"]}) == {1: "badge"}


def test_two_gaps_that_grew_together_go_on_as_the_larger_one() -> None:
    assert matched([["a", "b", "c", "x", "y"]], {"menu": ["x", "y"], "badge": ["a", "b", "c"]}) == {0: "badge"}


def test_a_single_question_in_common_makes_no_large_gap_the_same() -> None:
    assert matched([["a", "n1", "n2", "n3"]], {"badge": ["a", "b", "c", "d"]}) == {}
    assert matched([], {"badge": ["a"]}) == {}
