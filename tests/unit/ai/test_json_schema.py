from __future__ import annotations

from typing import Any

import pytest

from helpdesk.ai.model import AnswerUnusable
from helpdesk.ai.providers.json_schema import decoded, problem_with

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["a", "b"]},
        "title": {"type": "string", "maxLength": 5},
        "cites": {"type": "array", "items": {"type": "string", "enum": ["S1"]}, "minItems": 1, "maxItems": 2},
        "sure": {"type": "number"},
    },
    "required": ["label"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"label": "a", "title": "short", "cites": ["S1"], "sure": 0.5}, None),
        ({"label": "c"}, "$.label is none of the allowed values"),
        ({}, "$.label is missing"),
        ({"label": "a", "other": 1}, "$ has an unknown field"),
        ({"label": "a", "title": "longer"}, "$.title is longer than 5"),
        ({"label": "a", "cites": []}, "$.cites has 0 items"),
        ({"label": "a", "cites": ["S9"]}, "$.cites[0] is none of the allowed values"),
        ({"label": "a", "sure": True}, "$.sure is not of type number"),
        (["a"], "$ is not of type object"),
    ],
)
def test_the_first_misfit_is_named(value: Any, problem: str | None) -> None:
    assert problem_with(value, SCHEMA) == problem


@pytest.mark.parametrize("text", ["Sure!", '{"label": "a"', '{"label": "c"}', '"a"'])
def test_an_answer_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(AnswerUnusable):
        decoded(text, SCHEMA)


def test_an_answer_that_fits_is_decoded() -> None:
    assert decoded('{"label": "b"}', SCHEMA) == {"label": "b"}
