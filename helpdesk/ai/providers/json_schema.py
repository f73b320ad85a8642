"""Check a decoded answer against the JSON schema it was asked for: the part of JSON Schema that our prompts use."""

from __future__ import annotations

import json
from typing import Any

from helpdesk.ai.model import AnswerUnusable

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def decoded(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the object an answer holds.

    Raises:
        AnswerUnusable: it is not JSON, or does not fit the schema.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnswerUnusable("The answer is not JSON.") from error
    if (problem := problem_with(value, schema)) is not None:
        raise AnswerUnusable(f"The answer does not fit its schema: {problem}.")
    if not isinstance(value, dict):
        raise AnswerUnusable("The answer is no object.")
    return value


def unwrapped(text: str) -> str:
    """Return the JSON object of a text that has a block of code or words around it; the text where it has none."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def problem_with(value: Any, schema: dict[str, Any], *, at: str = "$") -> str | None:
    """Return the first place where a value does not fit its schema, or None when it fits.

    Knows type, enum, properties, required, additionalProperties (false only), items, minItems, maxItems and
    maxLength. Runtimes may ignore the schema they were sent, so every answer is checked.
    """
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        return f"{at} is not of type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{at} is none of the allowed values"
    if isinstance(value, dict):
        return _object_problem(value, schema, at=at)
    if isinstance(value, list):
        return _array_problem(value, schema, at=at)
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        return f"{at} is longer than {schema['maxLength']}"
    return None


def _is(value: Any, kind: str) -> bool:
    # In Python a bool is an int; in JSON it is not.
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _object_problem(value: dict[str, Any], schema: dict[str, Any], *, at: str) -> str | None:
    properties: dict[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{at}.{name} is missing"
    for name, item in value.items():
        if name in properties:
            if (problem := problem_with(item, properties[name], at=f"{at}.{name}")) is not None:
                return problem
        elif schema.get("additionalProperties") is False:
            return f"{at} has an unknown field"
    return None


def _array_problem(value: list[Any], schema: dict[str, Any], *, at: str) -> str | None:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{at} has {len(value)} items"
    for position, item in enumerate(value):
        if (problem := problem_with(item, schema.get("items", {}), at=f"{at}[{position}]")) is not None:
            return problem
    return None
