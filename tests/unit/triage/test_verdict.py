from __future__ import annotations

import pytest

from helpdesk.models.ai_policy import FieldPolicy, TriagePolicy
from helpdesk.triage.deciding.gating import Gatekeeper
from helpdesk.triage.deciding.rules import find
from helpdesk.triage.deciding.verdict import Verdict, judge, judge_priority, prior_to, unknown, votes_of

KEEPER = Gatekeeper()


def judged(name: str, chances: dict[str, float], keeper: Gatekeeper = KEEPER) -> Verdict:
    return judge(name, chances, keeper=keeper, source="classifier", stage="classifier", reason="So it is.")


@pytest.mark.parametrize(
    ("probability", "decision", "needs_human"),
    [(0.80, "auto", False), (0.79, "suggest", True), (0.35, "suggest", True), (0.34, "none", True)],
)
def test_a_value_is_set_offered_or_kept_back_by_its_probability(
    probability: float, decision: str, needs_human: bool
) -> None:
    verdict = judged("category", {"network": probability})
    assert (verdict.decision, verdict.value, verdict.needs_human) == (decision, "network", needs_human)
    assert (verdict.threshold, verdict.mode) == (0.8, "auto")


def test_a_verdict_says_why_it_is_not_set() -> None:
    assert judged("category", {"network": 0.6}).reason == (
        "So it is. It is set without asking from 80% on; this is 60%."
    )
    assert judged("category", {"network": 0.1}).reason == "So it is. Nothing is likely enough to be offered."
    assert judged("category", {"network": 0.9}).reason == "So it is."


def test_nothing_known_is_no_verdict() -> None:
    verdict = judged("category", {})
    assert (verdict.value, verdict.decision, verdict.probability) == (None, "none", 0)


def test_what_fits_nothing_is_unknown_and_what_came_nearest_stays_to_be_seen() -> None:
    chances = {"network": 0.4, "hardware": 0.6}
    verdict = unknown("category", chances, like=judged("category", chances), reason="It is like nothing.")
    assert (verdict.value, verdict.decision, verdict.needs_human) == (None, "unknown", True)
    assert verdict.alternatives == {"hardware": 0.6, "network": 0.4}
    assert verdict.reason == "It is like nothing."


def test_a_verdict_in_doubt_is_offered_for_a_person_to_decide() -> None:
    doubted = judged("category", {"network": 0.9}).doubted("Two disagree.")
    assert (doubted.value, doubted.decision, doubted.needs_human) == ("network", "suggest", True)
    assert doubted.reason.endswith("Two disagree.")


def test_a_field_that_is_only_offered_is_never_set_however_sure() -> None:
    for name in ("summary", "sentiment", "duplicate_of", "impact", "urgency"):
        verdict = judged(name, {"value": 1.0})
        assert (verdict.decision, verdict.threshold, verdict.needs_human) == ("suggest", None, False)


def test_a_policy_that_has_it_offered_only_is_told_as_the_reason() -> None:
    keeper = Gatekeeper(policy=TriagePolicy(fields={"category": FieldPolicy(mode="suggest")}))
    verdict = judged("category", {"network": 0.99}, keeper)
    assert (verdict.decision, verdict.mode, verdict.needs_human) == ("suggest", "suggest", False)
    assert "policy" in verdict.reason


def test_votes_for_what_was_not_offered_are_dropped() -> None:
    assert votes_of({"category": "admin", "priority": "urgent"}, {"category": ["a", "b"]}) == {}
    assert votes_of({"category": "b", "priority": "urgent"}, {"category": ["a", "b"]}) == {"category": "b"}


def test_labels_that_are_gone_lose_their_share_and_unknown_ones_start_even() -> None:
    assert prior_to({"a": 0.6, "gone": 0.4}, known=["a", "b"]) == {"a": 1.0, "b": 0.0}
    assert prior_to({}, known=["a", "b"]) == {"a": 0.5, "b": 0.5}


def test_a_rule_speaks_for_the_priority_with_the_words_it_saw() -> None:
    verdict = judge_priority({"normal": 0.9, "urgent": 0.1}, find("there is smoke"), vip=False, keeper=KEEPER)
    assert (verdict.value, verdict.decision, verdict.stage) == ("urgent", "auto", "rules")
    assert "smoke" in verdict.reason


def test_a_vip_is_named_as_a_reason_beside_the_words() -> None:
    verdict = judge_priority({"normal": 1.0}, find("phishing mail"), vip=True, keeper=KEEPER)
    assert "phish" in verdict.reason
    assert "VIP" in verdict.reason
    assert judge_priority({"normal": 1.0}, [], vip=False, keeper=KEEPER).stage == "classifier"


def test_a_matrix_decides_like_a_rule_and_words_of_danger_still_raise_it() -> None:
    calm = judge_priority({"low": 1.0}, [], vip=False, keeper=KEEPER, matrix="By the matrix.")
    assert (calm.value, calm.source, calm.reason) == ("low", "matrix", "By the matrix.")
    burning = judge_priority({"low": 1.0}, find("there is smoke"), vip=False, keeper=KEEPER, matrix="By the matrix.")
    assert (burning.value, burning.source) == ("urgent", "matrix+rules")
