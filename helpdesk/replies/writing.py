"""A reply in a text model's words: every sentence is held against what it cites, and what fails is dropped."""

from __future__ import annotations

from dataclasses import replace

from helpdesk.ai.model import LanguageModel, ModelIdentity
from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.calling import Call, form_of, make_call, shown
from helpdesk.answers.checks import Rails, check_answer, said
from helpdesk.answers.evidence import Evidence
from helpdesk.answers.grounding import TICKET
from helpdesk.answers.likeness import likeness_of
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.prompt import DRAFT_TOKENS, MOST_SENTENCES, draft_prompt
from helpdesk.replies.setting import Setting

# Customers do what a reply says: of sentences that only look like what their source says, no more than one in twenty
# may pass. Fitted by `scripts/bench/support`.
_SUPPORTED = 0.8


def draft_call(identity: ModelIdentity, *, setting: Setting, evidence: Evidence) -> Call | None:
    """Return the call that asks for a reply; None for a ticket that gives orders to a model, which is not shown one."""
    if addresses_a_model(setting.question.all_words) or addresses_a_model(setting.thread):
        return None
    sources = shown(evidence.sources)
    form = form_of([*(source.id for source in sources), TICKET], most_sentences=MOST_SENTENCES[setting.style.length])
    return Call(draft_prompt(setting, sources), form, identity)


async def ask_for_draft(
    drafting: Drafting, language_model: LanguageModel, call: Call, *, setting: Setting, evidence: Evidence
) -> Call:
    """Return the call with its answer checked, or with why there is none; a cancelled call is the caller's."""
    answered = await make_call(
        language_model, call, max_tokens=DRAFT_TOKENS, within_s=drafting.settings.reply_timeout_s
    )
    if answered.declined or answered.value is None:
        return answered
    sources = shown(evidence.sources)
    likeness = await likeness_of(
        drafting.database,
        drafting.models.embedder,
        organization_id=drafting.organization_id,
        sentences=[text for text, _ in said(answered.value)],
        units=[unit for source in sources for unit in source.units],
        now=drafting.now,
    )
    rails = Rails(
        secret=call.prompt.boundary.strip("= "),
        ticket=setting.thread,
        language=setting.style.language,
        likeness=likeness,
        warnings_verbatim=True,
        supported=_SUPPORTED,
    )
    return replace(answered, verdict=check_answer(answered.value, sources, rails))
