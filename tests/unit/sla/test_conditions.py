"""Which tickets a policy is meant for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.sla.rules.candidates import Candidate, choose
from helpdesk.sla.rules.conditions import Condition, Conditions, InvalidCondition

FACTS: dict[str, Any] = {
    "priority": "high",
    "type": "incident",
    "channel": "email",
    "category": "network",
    "team": None,
    "company": "Bluewater Haulage",
    "vip": False,
    "tags": ["vpn", "vienna"],
    "custom": {"site": "Vienna North", "floor": 3, "critical": True, "systems": ["Manifest", "ClearPort"]},
}


def condition(field: str, op: str, value: object) -> Conditions:
    return Conditions.from_json({"all": [{"field": field, "op": op, "value": value}]})


@pytest.mark.parametrize(
    ("field", "op", "value", "holds"),
    [
        ("priority", "is", "high", True),
        ("priority", "is_not", "high", False),
        ("priority", "in", ["urgent", "high"], True),
        ("category", "not_in", ["network", "hardware"], False),
        ("team", "is", "network", False),
        ("team", "is_not", "network", True),
        ("team", "not_in", ["network"], True),
        ("company", "contains", "bluewater", True),
        ("channel", "contains", "chat", False),
        ("vip", "is", False, True),
        ("vip", "is_not", False, False),
        ("tags", "contains", "vpn", True),
        ("tags", "contains", "vp", False),
        ("tags", "in", ["rotterdam", "vienna"], True),
        ("tags", "not_in", ["rotterdam", "vienna"], False),
        ("custom.site", "is", "Vienna North", True),
        ("custom.site", "contains", "north", True),
        ("custom.floor", "in", [2, 3], True),
        ("custom.floor", "is", "3", False),
        ("custom.critical", "is", True, True),
        ("custom.critical", "is", 1, False),
        ("custom.systems", "contains", "Manifest", True),
        ("custom.systems", "in", ["Ledgerly"], False),
        ("custom.unknown", "is", "x", False),
        ("custom.unknown", "not_in", ["x"], True),
        ("custom.unknown", "contains", "x", False),
    ],
)
def test_a_field_is_compared(field: str, op: str, value: object, holds: bool) -> None:
    assert condition(field, op, value).hold(FACTS) is holds


@pytest.mark.parametrize(
    ("field", "op", "value", "sentence"),
    [
        ("colour", "is", "red", "conditions.all.0.field: there is no field 'colour'; there are priority, category,"),
        ("custom.", "is", "red", "there is no field 'custom.'"),
        (
            "priority",
            "is",
            "critical",
            "conditions.all.0: priority is one of high, low, normal, urgent, not 'critical'.",
        ),
        ("type", "in", ["incident", "bug"], "type is one of incident, problem, question, request, not 'bug'."),
        ("priority", "contains", "high", "priority takes is, is_not, in or not_in, not contains."),
        ("priority", "in", "high", "'in' takes a list of values."),
        ("category", "is", ["network"], "'is' takes a single value."),
        ("tags", "is", "vpn", "tags takes contains, in or not_in, not is."),
        ("vip", "in", [True], "vip takes is or is_not, not in."),
        ("vip", "is", "yes", "vip is compared with true or false."),
        ("team", "is", 3, "team is compared with text."),
        ("team", "is", None, "conditions.all.0.value: a value is text, a number, true or false, or a list of these."),
        ("team", "in", [], "conditions.all.0.value: a list has 1 to 200 values."),
        ("team", "is", "", "conditions.all.0.value: text has 1 to 200 characters."),
        ("custom.site", "contains", True, "nothing contains true or false."),
        ("team", "like", "net", "conditions.all.0.op: Input should be 'is', 'is_not', 'in', 'not_in' or 'contains'."),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(field: str, op: str, value: object, sentence: str) -> None:
    with pytest.raises(InvalidCondition) as refusal:
        condition(field, op, value)
    assert sentence in refusal.value.detail


@pytest.mark.parametrize("document", [{"some": []}, {"all": [{"field": "team"}]}, {"any": "team is network"}])
def test_a_document_of_another_form_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidCondition):
        Conditions.from_json(document)


def test_all_of_all_and_one_of_any_must_hold() -> None:
    here = {"field": "category", "op": "is", "value": "network"}
    elsewhere = {"field": "category", "op": "is", "value": "hardware"}
    assert Conditions.from_json({}).hold(FACTS)
    assert Conditions.from_json({"all": [here], "any": [elsewhere, here]}).hold(FACTS)
    assert not Conditions.from_json({"all": [here, elsewhere]}).hold(FACTS)
    assert not Conditions.from_json({"all": [here], "any": [elsewhere]}).hold(FACTS)


def test_the_first_policy_that_fits_is_chosen_and_the_default_takes_the_rest() -> None:
    network = condition("category", "is", "network")
    everything = Conditions()
    default = Candidate("default", everything, is_default=True)
    candidates = [
        default,
        Candidate("first", network, is_default=False),
        Candidate("second", network, is_default=False),
    ]
    assert choose(candidates, FACTS) == "first"
    assert choose(candidates, FACTS | {"category": "hardware"}) == "default"
    assert choose(candidates[1:], FACTS | {"category": "hardware"}) is None
    assert choose([], FACTS) is None


_VALUES = st.one_of(st.booleans(), st.integers(), st.text(min_size=1, max_size=20))
_KEPT = st.one_of(st.none(), _VALUES, st.lists(_VALUES, max_size=4))


@given(actual=_KEPT, value=_VALUES)
def test_is_not_is_the_opposite_of_is(actual: object, value: object) -> None:
    facts = {"custom": {"field": actual}}
    assert condition("custom.field", "is", value).hold(facts) is not condition("custom.field", "is_not", value).hold(
        facts
    )


@given(actual=_KEPT, values=st.lists(_VALUES, min_size=1, max_size=5))
def test_not_in_is_the_opposite_of_in(actual: object, values: list[object]) -> None:
    facts = {"custom": {"field": actual}}
    among = condition("custom.field", "in", values).hold(facts)
    assert among is not condition("custom.field", "not_in", values).hold(facts)
    if not isinstance(actual, list):
        assert among is any(condition("custom.field", "is", value).hold(facts) for value in values)


@given(
    st.builds(
        dict,
        field=st.sampled_from(["team", "company", "category", "channel", "custom.Cost centre"]),
        op=st.sampled_from(["is", "is_not", "contains"]),
        value=st.text(min_size=1, max_size=50),
    )
)
def test_what_is_stored_reads_back_the_same(document: dict[str, Any]) -> None:
    read = Condition.model_validate(document)
    assert Condition.model_validate(read.model_dump(mode="json")) == read
