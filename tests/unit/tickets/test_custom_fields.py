import pytest
from pydantic import JsonValue

from helpdesk.tickets.custom_fields import InvalidCustomField, merge_custom


def test_what_is_named_changes_and_the_rest_stays() -> None:
    current = {"floor": 3, "vip": True, "Original Column": ["kept"]}
    changed = merge_custom(current, {"floor": 4, "vip": None, "cost_centre": "R&D", "absent": None})
    assert changed == {"floor": 4, "cost_centre": "R&D", "Original Column": ["kept"]}
    assert current["floor"] == 3


@pytest.mark.parametrize("value", ["", "x" * 500, 0, -1, 1.5, True, False])
def test_plain_values_are_kept_as_they_are(value: JsonValue) -> None:
    kept = merge_custom({}, {"field": value})["field"]
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize("value", ["x" * 501, [1], {"a": 1}, float("nan"), float("inf")])
def test_other_values_are_refused(value: JsonValue) -> None:
    with pytest.raises(InvalidCustomField, match=r"^custom\.field"):
        merge_custom({}, {"field": value})


@pytest.mark.parametrize("name", ["", "Floor", "1st", "cost-centre", "a" * 41, "floor\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidCustomField, match=r"^custom"):
        merge_custom({}, {name: 1})


def test_fifty_fields_fit_and_no_more() -> None:
    full = merge_custom({}, {f"f{n}": n for n in range(50)})
    with pytest.raises(InvalidCustomField, match="51 fields; there can be 50"):
        merge_custom(full, {"one_more": 1})
    assert len(merge_custom(full, {"f0": None, "one_more": 1})) == 50
    # What was imported with more can still be corrected.
    assert len(merge_custom({f"F{n}": n for n in range(60)} | {"a": 1}, {"a": 2})) == 61
