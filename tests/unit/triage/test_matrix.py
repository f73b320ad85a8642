from __future__ import annotations

import pytest

from helpdesk.triage.deciding.matrix import given_level, levels_of, priority_of

MATRIX = {
    "company": {"now": "urgent", "soon": "high"},
    "person": {"now": "high", "soon": "low"},
}


def test_the_levels_are_those_of_the_matrix() -> None:
    assert levels_of(MATRIX) == (["company", "person"], ["now", "soon"])
    assert levels_of({}) == ([], [])


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [
        ("company", "now", "urgent"),
        ("company", "soon", "high"),
        ("person", "now", "high"),
        ("person", "soon", "low"),
    ],
)
def test_each_pair_has_the_priority_of_its_cell(impact: str, urgency: str, priority: str) -> None:
    assert priority_of(MATRIX, {impact: 1.0}, {urgency: 1.0}) == {priority: 1.0}


def test_doubts_about_the_levels_are_doubts_about_the_priority() -> None:
    found = priority_of(MATRIX, {"company": 0.8, "person": 0.2}, {"now": 0.6, "soon": 0.4})
    assert found == pytest.approx({"urgent": 0.48, "high": 0.32 + 0.12, "low": 0.08})


def test_a_level_given_by_hand_is_taken_in_any_case_and_a_foreign_one_is_not() -> None:
    assert given_level({"impact": "Company"}, "impact", ["company", "person"]) == {"company": 1.0}
    for custom in ({}, {"impact": "planet"}, {"impact": 3}, {"impact": True}):
        assert given_level(custom, "impact", ["company", "person"]) is None
