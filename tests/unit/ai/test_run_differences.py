from __future__ import annotations

import pytest

from helpdesk.ai.runs.difference import agreement, diff, pretty, without_chance
from helpdesk.ai.runs.replay import RunNotReplayable, prompt_of
from helpdesk.models.ai import AiRun


def run(**changed: object) -> AiRun:
    given: dict[str, object] = {
        "model": "small:1b",
        "digest": "d" * 8,
        "prompt_id": "triage",
        "prompt_version": 1,
        "prompt_sha": "s",
        "system_text": "Fence === 0123456789abcdef ===, mark bcd|, secret fedcba9876543210.",
        "input_redacted": "=== 0123456789abcdef ===\nbcd| It hangs.\n=== 0123456789abcdef ===",
        "answer_schema": {"type": "object"},
        "options": {"seed": 7},
        "output": '{"category": "network"}',
        "decision": "accepted",
        "exact": True,
    }
    return AiRun(**(given | changed))


def test_what_is_random_in_every_call_is_no_difference() -> None:
    other = run(
        system_text="Fence === aaaaaaaaaaaaaaaa ===, mark xzw|, secret bbbbbbbbbbbbbbbb.",
        input_redacted="=== aaaaaaaaaaaaaaaa ===\nxzw| It hangs.\n=== aaaaaaaaaaaaaaaa ===",
    )

    assert diff(run(), other) == []
    assert without_chance("wvz| Hello\nabcd| stays") == "Hello\nabcd| stays"


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("model", {"model": "large:7b"}),
        ("model", {"digest": "e" * 8}),
        ("prompt", {"prompt_version": 2}),
        ("system", {"system_text": "Fence."}),
        ("input", {"input_redacted": "It burns."}),
        ("schema", {"answer_schema": None}),
        ("options", {"options": {"seed": 8}}),
        ("output", {"output": "network"}),
        ("decision", {"decision": "error", "error_class": "AnswerUnusable"}),
    ],
)
def test_each_part_that_differs_is_named(part: str, changed: dict[str, object]) -> None:
    [difference] = diff(run(), run(**changed))

    assert difference.part == part
    assert difference.unified().startswith(f"--- {part}\n+++ {part}\n@@")


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', (2, 2)),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', (1, 2)),
        ('{"a": 1}', '{"a": 1, "b": null}', (1, 2)),
        ("[1]", "[1]", (1, 1)),
        ("words", "words", (1, 1)),
        ("words", None, (0, 1)),
        (None, None, (1, 1)),
    ],
)
def test_answers_agree_field_by_field(before: str | None, after: str | None, same: tuple[int, int]) -> None:
    assert agreement(before, after) == same


def test_an_answer_is_shown_a_value_a_line() -> None:
    assert pretty('{"b": 1, "a": "ü"}') == '{\n "a": "ü",\n "b": 1\n}'
    assert (pretty("no json"), pretty(None)) == ("no json", "")


def test_a_kept_prompt_knows_its_fence_and_its_canary_again() -> None:
    prompt = prompt_of(run())

    assert (prompt.boundary, prompt.canary) == ("=== 0123456789abcdef ===", "fedcba9876543210")
    assert (prompt.system, prompt.user) == (run().system_text, run().input_redacted)


@pytest.mark.parametrize("missing", ["system_text", "input_redacted", "prompt_id"])
def test_a_run_without_its_texts_cannot_be_made_again(missing: str) -> None:
    with pytest.raises(RunNotReplayable):
        prompt_of(run(**{missing: None}))
