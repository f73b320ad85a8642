"""The opening sentence, with the topic that a text model names; where that will not do, the fixed sentence stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
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
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.grounding import TICKET, Sentence, check
from helpdesk.rag.questions import Question
from helpdesk.replies.evidence import Evidence
from helpdesk.replies.phrases import phrases_for
from helpdesk.replies.prompt import MAX_TOKENS, build_prompt, schema_of

log = structlog.get_logger(__name__)

_MOST_WORDS = 12
_FIRST_PERSON = re.compile(
    r"(?i)\b(?:i|i.m|i.ve|my|me|we|our|ich|mein\w*|mir|mich|wir|unser\w*|je|mon|ma|mes|nous|notre|ik|mijn|wij|ons|onze|"
    r"yo|mi|mis|nosotros|nuestr\w+|io|mio|mia|noi|nostr\w+)\b"
)


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
    """Ask what the ticket is about, in a few words; None when there is no model, or none that answers now.

    A ticket that gives orders to a model is not shown to one.
    The draft does not wait for a text model that is busy: all it needs is in the article.
    """
    if addresses_a_model(question.all_words):
        return None
    try:
        identity = await language_model.identify()
        if identity is None:
            return None
        titles = {next(iter(evidence.cite_of.values())): evidence.article.title}
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
    """Return the opening with its sentence if the topic holds: a few words of the ticket's own."""
    value = (opening.answer.value if opening.answer is not None else None) or {}
    topic = " ".join(str(value["title"]).split()).strip(' .,;:!?"“”')
    cites = tuple(dict.fromkeys((TICKET, *value["cites"])))
    if (problem := _problem_with(topic)) is not None:
        return replace(opening, dropped=[{"text": topic, "problem": problem}])
    texts = {**evidence.texts, TICKET: f"{question.subject}\n{question.body}"}
    checked = check([Sentence(topic, cites)], texts)
    sentence = Sentence(phrases_for(language).about.format(topic=topic), cites) if checked.kept else None
    return replace(opening, sentence=sentence, dropped=checked.dropped)


def _problem_with(topic: str) -> str | None:
    if not 2 <= len(topic.split()) <= _MOST_WORDS:
        return "is not a topic of a few words"
    return "speaks for the requester" if _FIRST_PERSON.search(topic) else None
