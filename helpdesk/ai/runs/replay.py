"""Make a call of a text model again, with what was kept of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from helpdesk.ai.model import (
    Adjustable,
    Answer,
    AnswerUnusable,
    InputRefused,
    LanguageModel,
    ModelIdentity,
    ModelMissing,
    Prompt,
)
from helpdesk.ai.runs.difference import Difference, agreement, pretty
from helpdesk.ai.runs.record import storable
from helpdesk.errors import Conflict
from helpdesk.models.ai import AiRun

_FENCE = re.compile(r"(?m)^=== [0-9a-f]{16} ===$")
_TOKEN = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
_MAX_TOKENS = 700


class RunNotReplayable(Conflict):
    """The run does not hold what it takes to make it again."""


@dataclass(frozen=True)
class Replay:
    """A run made again.

    Attributes:
        identity: the model that answered now.
        error: why there is no answer.
        exact: whether it was shown to the letter what the run's model saw; otherwise the same, redacted.
        same: whether the output is the same to the letter.
        fields_same, fields: how many fields of the answer are the same, of how many.
        differences: of the model and the output.
    """

    prompt: Prompt
    identity: ModelIdentity
    answer: Answer | None
    error: Exception | None
    exact: bool
    same: bool
    fields_same: int
    fields: int
    differences: list[Difference] = field(default_factory=list)


async def replay(language: LanguageModel, run: AiRun, *, model: str | None = None) -> Replay:
    """Make a run again with its texts, schema, options and seed.

    Args:
        model: another model of the same runtime; None takes that of the run.

    Raises:
        RunNotReplayable: it is no call of a text model, or its texts were not kept.
        ModelBusy, ModelMissing: the model does not answer now.
    """
    prompt = prompt_of(run)
    if not isinstance(language, Adjustable):
        raise ModelMissing("The model runtime cannot be asked with the options of the run.")
    options = {name: value for name, value in run.options.items() if name != "num_predict"}
    asked = language.adjusted(name=model or run.model, options=options or None)
    identity = await asked.identify()
    if identity is None:
        raise ModelMissing(getattr(asked, "why_not", "") or f"The model runtime does not have {model or run.model}.")
    answer, error = await _ask(asked, prompt, run)
    output = None if answer is None else storable(answer.text)
    fields_same, fields = agreement(run.output, output)
    return Replay(
        prompt, identity, answer, error, run.exact, output == run.output, fields_same, fields,
        _differences(run, identity, output),
    )  # fmt: skip


def prompt_of(run: AiRun) -> Prompt:
    """Return the prompt as it was kept; raise RunNotReplayable."""
    if run.system_text is None or run.input_redacted is None or run.prompt_id is None:
        raise RunNotReplayable(f"The run {run.id} holds no texts to show a model.")
    fence = _FENCE.search(run.input_redacted)
    boundary = "" if fence is None else fence[0]
    others = [token for token in _TOKEN.findall(run.system_text) if token not in boundary]
    return Prompt(
        id=run.prompt_id,
        version=run.prompt_version or 0,
        system=run.system_text,
        user=run.input_redacted,
        sha=run.prompt_sha or "",
        boundary=boundary,
        canary=others[0] if boundary and others else "",
    )


async def _ask(language: LanguageModel, prompt: Prompt, run: AiRun) -> tuple[Answer | None, Exception | None]:
    try:
        return await language.answer(prompt, schema=run.answer_schema, max_tokens=_most_tokens(run.options)), None
    except (AnswerUnusable, InputRefused) as error:
        return None, error


def _most_tokens(options: dict[str, Any]) -> int:
    given = options.get("num_predict") or options.get("max_tokens")
    return given if isinstance(given, int) else _MAX_TOKENS


def _differences(run: AiRun, identity: ModelIdentity, output: str | None) -> list[Difference]:
    parts = {
        "model": (f"{run.model} {run.digest or ''}".strip(), f"{identity.name} {identity.digest}".strip()),
        "output": (pretty(run.output), pretty(output)),
    }
    return [Difference(part, before, after) for part, (before, after) in parts.items() if before != after]
