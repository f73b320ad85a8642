"""Have a text model answer from numbered sources; the answer's form leaves it no source but those."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from helpdesk.ai.model import Answer, AnswerUnusable, InputRefused, LanguageModel, Meter, ModelIdentity, Prompt
from helpdesk.ai.prompting.checks import AnswerUnsafe, unsafe
from helpdesk.ai.prompting.fencing import without_marks
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.ai.weights.model_catalog import MODEL_FILES
from helpdesk.answers.checks import Verdict
from helpdesk.answers.evidence import Source
from helpdesk.answers.grounding import names_an_address
from helpdesk.errors import HelpdeskError, Unavailable

log = structlog.get_logger(__name__)

LONGEST_SENTENCE = 400
_MOST_CITES = 3
LANGUAGE_NAMES = {"en": "English", "de": "German", "fr": "French", "nl": "Dutch", "es": "Spanish", "it": "Italian"}
# What fits beside the answer into the context that every call has.
_SOURCES_CHARS = 6600


class AskerLeft(HelpdeskError):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Call:
    """A call of a text model and what came of it.

    Attributes:
        error: why there is no answer.
        verdict: what of the answer holds; None without an answer, or where the model says that there is none.
        meter: how long the runtime was busy with it so far.
    """

    prompt: Prompt
    schema: dict[str, Any]
    identity: ModelIdentity
    answer: Answer | None = None
    error: Exception | None = None
    verdict: Verdict | None = None
    meter: Meter = field(default_factory=Meter, compare=False, repr=False)

    @property
    def value(self) -> dict[str, Any] | None:
        """Return the decoded answer, None where there is none that may be used."""
        return self.answer.value if self.answer is not None and self.error is None else None

    @property
    def declined(self) -> bool:
        """Return whether the model found no answer in the sources."""
        return self.value is not None and not (self.value["answerable"] and self.value["sentences"])

    def failed(self, error: Exception) -> Call:
        """Return the call as one without an answer."""
        return replace(self, error=error)

    @property
    def missing(self) -> str:
        """Return what the model says is missing; nothing where that leads elsewhere: no check bears it out."""
        words = " ".join(str((self.value or {}).get("missing", "")).split())
        return "" if names_an_address(words) or addresses_a_model(words) else words


def writes(phrasing: str, text_model: str) -> bool:
    """Return whether a text model writes sentences: what the small embedded ones say seldom passes the checks.

    Args:
        phrasing: auto, always or never.
    """
    return text_model not in MODEL_FILES if phrasing == "auto" else phrasing == "always"


async def model_to_ask(language_model: LanguageModel) -> tuple[ModelIdentity | None, str]:
    """Return the text model that answers now, or None and why, where that is worth telling."""
    try:
        return await language_model.identify(), ""
    except Unavailable as away:
        log.warning("answer_not_phrased", reason=away.detail)
        return None, "The text model is away."


async def make_call(language_model: LanguageModel, call: Call, *, max_tokens: int, within_s: float) -> Call:
    """Return the call with its answer, or with why there is none; a cancelled call is the caller's."""
    try:
        with call.meter.running():
            async with asyncio.timeout(within_s):
                answer = await language_model.answer(call.prompt, schema=call.schema, max_tokens=max_tokens)
    except (TimeoutError, Unavailable, AnswerUnusable, InputRefused) as error:
        log.warning("answer_not_phrased", reason=str(error) or type(error).__name__)
        return call.failed(error)
    answered = replace(call, answer=answer)
    if (reason := unsafe(answer.text, call.prompt)) is not None:
        log.warning("answer_not_phrased", reason=reason)
        return answered.failed(AnswerUnsafe(f"It {reason}."))
    return replace(answered, answer=replace(answer, value=without_marks(answer.value, call.prompt.mark)))


def why_without(call: Call, *, within_s: float) -> str:
    """Return in a sentence why what a call brought is not the answer."""
    if isinstance(call.error, TimeoutError):
        return f"The text model did not answer within {within_s:g} s."
    if isinstance(call.error, Unavailable):
        return "The text model is away."
    if isinstance(call.error, AnswerUnsafe):
        return "The text model's answer repeats what was meant for it alone."
    if call.error is not None:
        return "The text model's answer was not in the form asked for."
    if call.declined:
        return "The text model found no answer in the sources."
    return "Too little of the text model's answer is borne out by its sources."


def shown(sources: Sequence[Source], *, room: int = _SOURCES_CHARS) -> list[Source]:
    """Return the sources that a prompt has room for, in order; the first is always shown."""
    fitting: list[Source] = []
    for source in sources:
        room -= len(source.text)
        if room < 0 and fitting:
            break
        fitting.append(source)
    return fitting


def form_of(source_ids: Sequence[str], *, most_sentences: int) -> dict[str, Any]:
    """Return the JSON schema of an answer; a citation outside the pack cannot be decoded."""
    identifier = {"type": "string", "enum": list(source_ids)}
    sentence = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "maxLength": LONGEST_SENTENCE},
            "cites": {"type": "array", "items": identifier, "minItems": 1, "maxItems": _MOST_CITES},
        },
        "required": ["text", "cites"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            "answerable": {"type": "boolean"},
            "missing": {"type": "string", "maxLength": 200},
            "sentences": {"type": "array", "items": sentence, "maxItems": most_sentences},
        },
        "required": ["answerable", "missing", "sentences"],
        "additionalProperties": False,
    }
