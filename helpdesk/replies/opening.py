"""The opening sentence a text model may write; where it will not do, the fixed one stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import structlog

from helpdesk.ai.model import (
    Answer,
    AnswerUnusable,
    InputRefused,
    LanguageModel,
    ModelBusy,
    ModelIdentity,
    ModelMissing,
    Prompt,
)
from helpdesk.rag.language import detect_language
from helpdesk.rag.questions import LANGUAGES, Question
from helpdesk.replies.evidence import Evidence
from helpdesk.replies.grounding import TICKET, Sentence, check
from helpdesk.replies.phrases import PHRASES
from helpdesk.replies.prompt import MAX_TOKENS, build_prompt, schema_of

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Opening:
    """A call for an opening, and what came of it; `sentence` is None where what came may not stand."""

    prompt: Prompt
    schema: dict[str, Any]
    identity: ModelIdentity
    answer: Answer | None = None
    error: Exception | None = None
    sentence: Sentence | None = None
    dropped: list[dict[str, str]] = field(default_factory=list)


async def ask_for_opening(
    language_model: LanguageModel, *, question: Question, evidence: Evidence, language: str | None
) -> Opening | None:
    """Ask for one sentence that restates the concern; None when there is no model, or none that answers now.

    The draft does not wait for a text model that is busy: all it needs is in the article.
    """
    try:
        identity = await language_model.identify()
        if identity is None:
            return None
        titles = dict.fromkeys(evidence.cite_of.values(), evidence.article.title)
        prompt = build_prompt(question.text, titles=titles, language=language)
        schema = schema_of(list(titles))
        try:
            answer = await language_model.answer(prompt, schema=schema, max_tokens=MAX_TOKENS)
        except (AnswerUnusable, InputRefused) as error:
            return Opening(prompt, schema, identity, error=error)
    except (ModelBusy, ModelMissing) as away:
        log.warning("opening_not_asked", reason=away.detail)
        return None
    return _checked(Opening(prompt, schema, identity, answer), question=question, evidence=evidence, language=language)


def _checked(opening: Opening, *, question: Question, evidence: Evidence, language: str | None) -> Opening:
    """Return the opening with its sentence if that holds: borne out, of the right language, one line."""
    value = (opening.answer.value if opening.answer is not None else None) or {}
    said = value["sentences"][0]
    sentence = Sentence(" ".join(str(said["text"]).split()), tuple(dict.fromkeys(said["cites"])))
    checked = check([sentence], {**evidence.texts, TICKET: f"{question.subject}\n{question.body}"})
    if checked.kept and not _speaks(sentence.text, language):
        checked.kept.clear()
        checked.dropped.append({"text": sentence.text, "problem": "is not in the requester's language"})
    return Opening(
        opening.prompt,
        opening.schema,
        opening.identity,
        opening.answer,
        sentence=checked.kept[0] if checked.kept else None,
        dropped=checked.dropped,
    )


def _speaks(text: str, language: str | None) -> bool:
    wanted = language if language in PHRASES else "en"
    return text[-1:] in ".!?" and detect_language(text, among=LANGUAGES) == wanted
