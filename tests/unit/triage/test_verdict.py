from __future__ import annotations

import pytest

from helpdesk.triage.deciding.rules import find
from helpdesk.triage.deciding.verdict import candidates, is_unsure, judge, judge_priority, pool, prior_to, votes_of


@pytest.mark.parametrize(
    ("probability", "decision"), [(0.80, "auto"), (0.79, "suggest"), (0.35, "suggest"), (0.34, "none")]
)
def test_a_value_is_set_offered_or_kept_back_by_its_probability(probability: float, decision: str) -> None:
    verdict = judge("category", {"network": probability}, source="classifier", reason="")
    assert (verdict.decision, verdict.value) == (decision, "network")


def test_nothing_known_is_no_verdict() -> None:
    verdict = judge("category", {}, source="classifier", reason="")
    assert (verdict.value, verdict.decision) == (None, "none")


def test_a_model_chooses_among_the_likeliest_known_labels() -> None:
    chances = {"a": 0.5, "b": 0.3, "c": 0.16, "d": 0.03, "gone": 0.01}
    assert candidates(chances, ["a", "b", "c", "d"]) == ["a", "b", "c"]
    assert candidates({"a": 0.99, "b": 0.01}, ["a", "b"]) == ["a", "b"]


def test_a_vote_weighs_as_much_as_it_is_usually_right() -> None:
    pooled = pool({"a": 0.5, "b": 0.5}, voted="a", among=["a", "b"])
    assert pooled["a"] == pytest.approx(0.75)
    assert sum(pooled.values()) == pytest.approx(1)


def test_a_vote_for_what_was_not_offered_counts_for_nothing() -> None:
    assert pool({"a": 0.6, "b": 0.4}, voted="admin", among=["a", "b"]) == {"a": 0.6, "b": 0.4}
    assert votes_of({"category": "admin", "priority": "urgent"}, {"category": ["a", "b"]}) == {}
    assert votes_of({"category": "b", "priority": "urgent"}, {"category": ["a", "b"]}) == {"category": "b"}


def test_labels_that_are_gone_lose_their_share_and_unknown_ones_start_even() -> None:
    assert prior_to({"a": 0.6, "gone": 0.4}, known=["a", "b"]) == {"a": 1.0, "b": 0.0}
    assert prior_to({}, known=["a", "b"]) == {"a": 0.5, "b": 0.5}


def test_only_categories_and_types_are_ever_put_to_a_model() -> None:
    assert is_unsure("category", {"a": 0.7})
    assert not is_unsure("category", {"a": 0.9})
    assert not is_unsure("priority", {"normal": 0.4})


def test_a_rule_speaks_for_the_priority_with_the_words_it_saw() -> None:
    verdict = judge_priority({"normal": 0.9, "urgent": 0.1}, find("there is smoke"), vip=False)
    assert (verdict.value, verdict.decision) == ("urgent", "auto")
    assert "smoke" in verdict.reason
