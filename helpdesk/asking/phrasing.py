"""Have a text model answer from the sources; what it says is checked, and what fails is dropped."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Any

import structlog

from helpdesk.ai.model import Answer, AnswerUnusable, InputRefused, LanguageModel, ModelIdentity, Prompt
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.asking.checks import Verdict, check_answer
from helpdesk.asking.evidence import Evidence
from helpdesk.asking.prompt import MAX_TOKENS, build_prompt, schema_of, shown
from helpdesk.errors import HelpdeskError, Unavailable

log = structlog.get_logger(__name__)


class AskerLeft(HelpdeskError):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Call:
    """A call of a text model and what came of it.

    Attributes:
        boundary: the random words that fence the data of the prompt.
        error: why there is no answer.
        verdict: what of the answer holds; None without an answer, or where the model says that there is none.
    """

    prompt: Prompt
    boundary: str
    schema: dict[str, Any]
    identity: ModelIdentity
    answer: Answer | None = None
    error: Exception | None = None
    verdict: Verdict | None = None

    @property
    def declined(self) -> bool:
        """Return whether the model found no answer in the sources."""
        value = self.answer.value if self.answer is not None else None
        return value is not None and not (value["answerable"] and value["sentences"])

    def failed(self, error: Exception) -> Call:
        """Return the call as one without an answer."""
        return replace(self, error=error)

    @property
    def missing(self) -> str:
        """Return what the model says is missing."""
        value = (self.answer.value if self.answer is not None else None) or {}
        return str(value.get("missing", ""))


async def model_to_ask(language_model: LanguageModel) -> tuple[ModelIdentity | None, str]:
    """Return the text model that answers now, or None and why, where that is worth telling."""
    try:
        return await language_model.identify(), ""
    except Unavailable as away:
        log.warning("answer_not_phrased", reason=away.detail)
        return None, "The text model is away."


def prepare_call(identity: ModelIdentity, *, question: str, ticket: str, evidence: Evidence) -> Call | None:
    """Return the call to make; None for a question that gives orders to a model, which is not shown to one."""
    if addresses_a_model(question):
        return None
    sources, boundary = shown(evidence.sources), secrets.token_hex(8)
    prompt = build_prompt(
        question,
        boundary=boundary,
        sources=sources,
        ticket="" if addresses_a_model(ticket) else ticket,
        language=sources[0].document.language,
    )
    return Call(prompt, boundary, schema_of([source.id for source in sources]), identity)


async def make_call(language_model: LanguageModel, call: Call, *, evidence: Evidence, within_s: float) -> Call:
    """Return the call with its answer checked, or with why there is none; a cancelled call is the caller's."""
    try:
        async with asyncio.timeout(within_s):
            answer = await language_model.answer(call.prompt, schema=call.schema, max_tokens=MAX_TOKENS)
    except (TimeoutError, Unavailable, AnswerUnusable, InputRefused) as error:
        log.warning("answer_not_phrased", reason=str(error) or type(error).__name__)
        return call.failed(error)
    answered = replace(call, answer=answer)
    if answered.declined or answer.value is None:
        return answered
    return replace(answered, verdict=check_answer(answer.value, shown(evidence.sources), secret=call.boundary))


def why_without(call: Call, *, within_s: float) -> str:
    """Return in a sentence why what a call brought is not the answer."""
    if isinstance(call.error, TimeoutError):
        return f"The text model did not answer within {within_s:g} s."
    if isinstance(call.error, Unavailable):
        return "The text model is away."
    if call.error is not None:
        return "The text model's answer was not in the form asked for."
    if call.declined:
        return "The text model found no answer in the sources."
    return "Too little of the text model's answer is borne out by its sources."
