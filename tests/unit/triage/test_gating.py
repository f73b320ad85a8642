from __future__ import annotations

from dataclasses import dataclass

import pytest

from helpdesk.models.ai_policy import FieldPolicy, Mode, TriagePolicy
from helpdesk.triage.deciding.gating import AUTO_FROM, Gatekeeper
from helpdesk.triage.learning.gates import Gate


@dataclass(frozen=True)
class Trained:
    """A model whose thresholds a test chooses."""

    examples: int
    thresholds: dict[str, float]

    def threshold_for(self, label: str, wanted_accuracy: float) -> float:
        return self.thresholds[label] + (0.05 if wanted_accuracy > 0.95 else 0.0)


def gate(threshold: float | None = None, *, fallen: bool = False) -> Gate:
    return Gate(
        threshold=threshold,
        running_accuracy=0.9,
        judged=40,
        fallen_back=fallen,
        reason="It fell back: 9 of 40 were wrong.",
    )


def policy(mode: Mode | None = None, *, accuracy: float = 0.95, **values: Mode) -> TriagePolicy:
    return TriagePolicy(fields={"category": FieldPolicy(mode=mode, wanted_accuracy=accuracy, values=values)})


def test_what_too_few_examples_promise_is_held_to_the_wanted_accuracy() -> None:
    models = {"category": Trained(49, {"network": 0.5})}
    assert Gatekeeper(models=models).allow("category", "network").threshold == 0.95
    lenient = Gatekeeper(policy=policy(accuracy=0.6), models=models).allow("category", "network")
    assert lenient.threshold == AUTO_FROM["category"]


def test_with_enough_examples_each_value_has_its_own_threshold() -> None:
    keeper = Gatekeeper(models={"category": Trained(50, {"network": 0.62, "hardware": 0.91})})
    assert keeper.allow("category", "network").threshold == 0.62
    assert keeper.allow("category", "hardware").threshold == 0.91


def test_more_accuracy_asks_for_more_and_a_value_that_never_was_right_is_never_set() -> None:
    models = {"category": Trained(50, {"network": 0.9, "hardware": 4.0})}
    strict = Gatekeeper(policy=policy(accuracy=0.99), models=models).allow("category", "network")
    assert strict.threshold == pytest.approx(0.95)
    assert Gatekeeper(policy=policy(accuracy=0.99)).allow("category", "network").threshold == 0.99
    never = Gatekeeper(models=models).allow("category", "hardware").threshold
    assert never is not None
    assert never > 1


def test_rules_have_the_shipped_threshold_whatever_the_model_says() -> None:
    keeper = Gatekeeper(models={"priority": Trained(500, {"urgent": 4.0})})
    assert keeper.allow("priority", "urgent", by_rules=True).threshold == AUTO_FROM["priority"]


@pytest.mark.parametrize(
    ("mode", "values", "expected"),
    [
        (None, {}, "auto"),
        ("suggest", {}, "suggest"),
        ("suggest", {"network": "auto"}, "auto"),
        ("auto", {"network": "suggest"}, "suggest"),
        ("auto", {"network": "off"}, "off"),
        ("off", {"network": "auto"}, "off"),
    ],
)
def test_a_field_and_a_value_have_their_modes(mode: Mode | None, values: dict[str, Mode], expected: str) -> None:
    assert Gatekeeper(policy=policy(mode, **values)).allow("category", "network").mode == expected


def test_a_gate_that_has_fallen_back_turns_setting_into_offering() -> None:
    of_value = Gatekeeper(gates={("category", "network"): gate(fallen=True)})
    of_field = Gatekeeper(gates={("category", None): gate(fallen=True)})
    assert of_value.allow("category", "network").mode == "suggest"
    assert of_value.allow("category", "hardware").mode == "auto"
    assert of_field.allow("category", "hardware").mode == "suggest"
    assert "9 of 40 were wrong" in of_field.allow("category", "hardware").note


def test_a_gate_can_only_raise_a_threshold() -> None:
    assert Gatekeeper(gates={("category", None): gate(0.93)}).allow("category", "network").threshold == 0.93
    assert Gatekeeper(gates={("category", None): gate(0.1)}).allow("category", "network").threshold == 0.8


def test_what_an_agent_rejected_is_not_said_again_and_what_a_person_decided_stays() -> None:
    keeper = Gatekeeper(rejected=frozenset({("category", "network")}), decided=frozenset({"priority"}))
    assert keeper.allow("category", "network").mode == "off"
    assert keeper.allow("category", "hardware").mode == "auto"
    assert keeper.allow("priority", "urgent").mode == "suggest"


def test_each_tag_is_a_question_of_its_own() -> None:
    keeper = Gatekeeper(
        policy=TriagePolicy(fields={"tags": FieldPolicy(values={"vpn": "auto"})}),
        models={"tag:vpn": Trained(80, {"yes": 0.7})},
    )
    assert (keeper.allow("tags", "vpn").mode, keeper.allow("tags", "vpn").threshold) == ("auto", 0.7)
    assert (keeper.allow("tags", "wifi").mode, keeper.allow("tags", "wifi").threshold) == ("suggest", 0.9)
