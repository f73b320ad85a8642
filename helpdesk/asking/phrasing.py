"""Have a text model answer a question from the sources; what it says is checked, and what fails is dropped."""

from __future__ import annotations

from dataclasses import replace

from helpdesk.ai.model import LanguageModel, ModelIdentity
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers import calling
from helpdesk.answers.calling import Call, form_of, shown
from helpdesk.answers.checks import Rails, check_answer
from helpdesk.answers.evidence import Evidence
from helpdesk.asking.prompt import MAX_TOKENS, MOST_SENTENCES, build_prompt


def prepare_call(identity: ModelIdentity, *, question: str, ticket: str, evidence: Evidence) -> Call | None:
    """Return the call to make; None for a question that gives orders to a model, which is not shown to one."""
    if addresses_a_model(question):
        return None
    sources = shown(evidence.sources)
    prompt = build_prompt(
        question,
        sources=sources,
        ticket="" if addresses_a_model(ticket) else ticket,
        language=sources[0].document.language,
    )
    return Call(prompt, form_of([source.id for source in sources], most_sentences=MOST_SENTENCES), identity)


async def make_call(language_model: LanguageModel, call: Call, *, evidence: Evidence, within_s: float) -> Call:
    """Return the call with its answer checked, or with why there is none; a cancelled call is the caller's."""
    answered = await calling.make_call(language_model, call, max_tokens=MAX_TOKENS, within_s=within_s)
    if answered.declined or answered.value is None:
        return answered
    rails = Rails(secret=call.prompt.boundary)
    return replace(answered, verdict=check_answer(answered.value, shown(evidence.sources), rails))
