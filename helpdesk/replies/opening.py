"""The opening sentence, with the topic that a text model names; where that will not do, the fixed sentence stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from helpdesk.ai.model import LanguageModel, ModelIdentity
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.calling import Call, make_call
from helpdesk.answers.evidence import Evidence
from helpdesk.answers.grounding import TICKET, Sentence, check, names_an_address
from helpdesk.replies.phrases import phrases_for
from helpdesk.replies.prompt import TOPIC_TOKENS, topic_form, topic_prompt
from helpdesk.replies.setting import Setting

_MOST_WORDS = 12
_FIRST_PERSON = re.compile(
    r"(?i)\b(?:i|i.m|i.ve|my|me|we|our|ich|mein\w*|mir|mich|wir|unser\w*|je|mon|ma|mes|nous|notre|ik|mijn|wij|ons|onze|"
    r"yo|mi|mis|nosotros|nuestr\w+|io|mio|mia|noi|nostr\w+)\b"
)


@dataclass(frozen=True)
class Opening:
    """A first sentence, None where what the model said may not stand, and why not."""

    sentence: Sentence | None = None
    dropped: list[dict[str, str]] = field(default_factory=list)


def topic_call(identity: ModelIdentity, *, setting: Setting, evidence: Evidence) -> Call | None:
    """Return the call that asks what a ticket is about; None for one that gives orders to a model."""
    if addresses_a_model(setting.question.all_words):
        return None
    first = evidence.quotes[0].source
    titles = {first.id: first.document.title}
    prompt = topic_prompt(setting.question.text, titles=titles, language=setting.style.language)
    return Call(prompt, topic_form(list(titles)), identity)


async def ask_for_topic(language_model: LanguageModel, call: Call, *, within_s: float) -> Call:
    """Return the call with its answer, or with why there is none."""
    return await make_call(language_model, call, max_tokens=TOPIC_TOKENS, within_s=within_s)


def opening_of(call: Call, *, setting: Setting, evidence: Evidence) -> Opening:
    """Return the opening that a call brought, if the topic holds: a few words of the ticket's own."""
    if call.value is None:
        return Opening()
    topic = " ".join(str(call.value["title"]).split()).strip(' .,;:!?"“”')
    cites = tuple(dict.fromkeys((TICKET, *call.value["cites"])))
    if (problem := _problem_with(topic)) is not None:
        return Opening(dropped=[{"text": topic, "problem": problem}])
    question = setting.question
    texts = {source.id: source.text for source in evidence.sources}
    texts[TICKET] = f"{question.subject}\n{question.body}"
    checked = check([Sentence(topic, cites)], texts)
    words = phrases_for(setting.style.language).about.format(topic=topic)
    return Opening(Sentence(words, cites) if checked.kept else None, checked.dropped)


def _problem_with(topic: str) -> str | None:
    if not 2 <= len(topic.split()) <= _MOST_WORDS:
        return "is not a topic of a few words"
    if names_an_address(topic):
        return "has an address outside a quote"
    if addresses_a_model(topic):
        return "repeats what was meant for the model"
    return "speaks for the requester" if _FIRST_PERSON.search(topic) else None
