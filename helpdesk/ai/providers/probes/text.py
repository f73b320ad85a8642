"""Probes of a text model, the same for every protocol; what it is shown is made up."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from helpdesk.ai.model import AnswerUnusable, InputRefused, ModelBusy, ModelIdentity, ModelMissing, Prompt
from helpdesk.ai.providers.probes.finding import Finding
from helpdesk.ai.providers.schemas import PROBE, PROBE_SCHEMA, checked_answer
from helpdesk.ai.providers.speaking import Said, Speaker

_TRIES = ("The printer prints blank pages.", "I cannot log in to the VPN.", "Please order a second screen for me.")
_NESTED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": ["quartz-17", "basalt-23", "gneiss-42"]},
        "sentences": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "enum": ["fact", "question"]},
                    "cites": {"type": "array", "maxItems": 2, "items": {"type": "string", "enum": ["S1", "S2"]}},
                },
                "required": ["kind", "cites"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["category", "sentences"],
    "additionalProperties": False,
}
_ROOM = 200
_SPEED_TOKENS = 64
# Slower than this, an answer of 300 tokens takes longer than people wait.
_SLOW_TOKENS_A_SECOND = 5.0


async def probe_text(speaker: Speaker, identity: ModelIdentity, *, context_tokens: int) -> list[Finding]:
    """Try whether the model is held to a schema, refuses what is too long, and how fast it is."""
    probes: tuple[Callable[[Speaker, ModelIdentity], Awaitable[Finding]], ...] = (
        _speed,
        _schema,
        lambda speaker, identity: _too_long(speaker, identity, context_tokens=context_tokens),
    )
    found: list[Finding] = []
    for probe in probes:
        try:
            found.append(await probe(speaker, identity))
        except (ModelBusy, ModelMissing, InputRefused) as failure:
            remedy = "Look at the log of the runtime; if it is only slow, raise ATUM_MODEL_TIMEOUT_S."
            found.append(Finding("text model", "unusable", failure.detail, remedy))
            break
    return found


async def _speed(speaker: Speaker, identity: ModelIdentity) -> Finding:
    prompt = Prompt("probe", 1, "You write plain English.", "Write four sentences about a paper jam in a printer.")
    began = time.perf_counter()
    said = await _say(speaker, identity, prompt, None, _SPEED_TOKENS)
    seconds = (said.eval_ms or (time.perf_counter() - began) * 1000) / 1000
    rate = round((said.output_tokens or 0) / seconds, 1) if seconds else 0.0
    figures = {"tokens_per_second": rate, "load_ms": said.load_ms, "total_ms": said.total_ms}
    if not said.text.strip():
        remedy = "Take a model that does not think aloud, or a runtime that can have it not to."
        return Finding("speed", "problem", "the answer is empty: the model may think aloud", remedy, figures)
    if rate < _SLOW_TOKENS_A_SECOND:
        remedy = "Take a smaller model or a machine with a GPU; until then drafts and answers quote articles instead."
        return Finding("speed", "problem", f"{rate} tokens a second", remedy, figures)
    return Finding("speed", "ok", f"{rate} tokens a second", figures=figures)


async def _schema(speaker: Speaker, identity: ModelIdentity) -> Finding:
    """Try what no model would say unasked, and lists within lists with closed sets of words."""
    asked = [(PROBE, PROBE_SCHEMA)]
    asked += [(Prompt("probe", 1, "You answer with JSON about a ticket.", words), _NESTED) for words in _TRIES]
    obeyed, why = 0, ""
    for prompt, schema in asked:
        said = await _say(speaker, identity, prompt, schema, _ROOM)
        try:
            checked_answer(said, schema=schema, identity=identity)
            obeyed += 1
        except AnswerUnusable as unfit:
            why = unfit.detail
    figures = {"obeyed": obeyed, "tries": len(asked), "way": speaker.ways[0]}
    if obeyed == len(asked):
        return Finding("schema", "ok", f"obeyed in {obeyed} of {len(asked)} tries", figures=figures)
    remedy = "Take another model or a newer runtime; until then each answer that does not fit is asked for again."
    return Finding("schema", "problem", f"obeyed in {obeyed} of {len(asked)} tries: {why}", remedy, figures)


async def _too_long(speaker: Speaker, identity: ModelIdentity, *, context_tokens: int) -> Finding:
    """Try whether a prompt that is too long is refused; a word and a space are a token at least."""
    words = " ".join(f"w{number % 10}" for number in range(context_tokens * 2))
    prompt = Prompt("probe", 1, "You answer with one word.", words)
    try:
        await _say(speaker, identity, prompt, None, 8)
    except InputRefused:
        return Finding("too long", "ok", "a prompt that is too long is refused")
    except ModelBusy as failure:
        remedy = "Take a newer runtime: this one fails on a prompt that is too long, which looks like an outage."
        return Finding("too long", "problem", failure.detail, remedy)
    remedy = "Take a newer runtime: this one cuts prompts without saying so, and the model may miss what matters."
    return Finding("too long", "problem", f"{context_tokens * 2} words and more were taken", remedy)


async def _say(
    speaker: Speaker, identity: ModelIdentity, prompt: Prompt, schema: dict[str, Any] | None, tokens: int
) -> Said:
    return await speaker.say(prompt, identity=identity, schema=schema, way=speaker.ways[0], max_tokens=tokens)
