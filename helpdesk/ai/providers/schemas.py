"""Having a model held to a JSON schema: how to find out whether it is, what to tell it where it is not, and checks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from helpdesk.ai.model import Answer, AnswerUnusable, ModelIdentity, Prompt, Spent
from helpdesk.ai.providers.json_schema import decoded, unwrapped
from helpdesk.ai.providers.speaking import Said

# No model says this of its own accord, so one that says it was held to the schema.
_PROBE_WORD = "vx-7731-kumquat"
PROBE = Prompt("probe", 1, "You answer with JSON.", "What is the capital of France?")
PROBE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": [_PROBE_WORD]}},
    "required": ["answer"],
    "additionalProperties": False,
}
PROBE_TOKENS = 64


def told(prompt: Prompt, schema: dict[str, Any]) -> Prompt:
    """Return the prompt with the schema in its instructions."""
    rule = "Answer with one JSON object and nothing else. It must fit this JSON schema:"
    compact = json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
    return replace(prompt, system=f"{prompt.system}\n\n{rule}\n{compact}")


def checked_answer(
    said: Said, *, schema: dict[str, Any] | None, identity: ModelIdentity, unwrap: bool = False
) -> Answer:
    """Return what was said as an answer.

    Args:
        unwrap: whether the object may stand in a block of code or between other words.

    Raises:
        AnswerUnusable: it is cut short, empty, or does not fit the schema.
    """
    spent = Spent(said.prompt_tokens, said.output_tokens, said.total_ms)
    if said.done_reason == "length" and schema is not None:
        # What does not even begin as JSON would not become it with more room.
        cut_short = said.text.lstrip().startswith("{")
        raise AnswerUnusable(f"The answer of {identity.name} was cut short.", cut_short=cut_short, spent=spent)
    if not said.text.strip():
        raise AnswerUnusable(f"The answer of {identity.name} is empty.", spent=spent)
    try:
        value = None if schema is None else decoded(unwrapped(said.text) if unwrap else said.text, schema)
    except AnswerUnusable as unfit:
        raise AnswerUnusable(unfit.detail, spent=spent) from unfit
    return Answer(
        text=said.text,
        value=value,
        model=identity,
        done_reason=said.done_reason,
        prompt_tokens=said.prompt_tokens,
        output_tokens=said.output_tokens,
        total_ms=said.total_ms,
        load_ms=said.load_ms,
        eval_ms=said.eval_ms,
        options=said.options,
    )
