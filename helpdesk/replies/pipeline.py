"""Draft a reply: find the articles, quote what answers, let a text model open or write, check every sentence."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.ai.providers.choice import ChosenModel, language_for
from helpdesk.answers.calling import Call, model_to_ask, writes
from helpdesk.database.engine import Database
from helpdesk.rag.questions import Question
from helpdesk.replies.draft import Draft, nothing, quoted, written
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.evidence import Found, look_up
from helpdesk.replies.opening import ask_for_topic, opening_of, topic_call
from helpdesk.replies.setting import Setting, read_setting
from helpdesk.replies.storing import store_draft
from helpdesk.replies.style import NOTHING_SPECIAL, Style, Wanted
from helpdesk.replies.writing import ask_for_draft, draft_call
from helpdesk.settings import Settings
from helpdesk.tickets.lifecycle import TicketClosed, is_settled

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Prepared:
    """What the articles alone make of it, and the call of a text model that is about to be made."""

    found: Found
    draft: Draft
    call: Call


@dataclass(frozen=True)
class Finished:
    """The draft."""

    found: Found
    draft: Draft


Stage: TypeAlias = Found | Prepared | Finished


async def draft_reply(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
    settings: Settings,
    wanted: Wanted = NOTHING_SPECIAL,
) -> None:
    """Draft a reply out of what customers may read, with citations; or say what was searched in vain.

    Raises:
        QuestionGone, TicketGone, TicketClosed: there is nothing to answer.
        TicketMovedOn: the requester wrote more meanwhile; try again.
        TicketAnswered: an agent answered meanwhile.
        ModelBusy: there are no vectors for now. A text model that is away is done without.
    """
    if settings.smart_reply == "off":
        async with database.transaction(organization_id) as session:
            await complete(session)
        return
    drafting = Drafting(database, models, settings, organization_id, now)
    async with database.transaction(organization_id) as session:
        setting = await begin(session, organization_id=organization_id, ticket_id=ticket_id, wanted=wanted)
    preliminary: UUID | None = None
    async for stage in stages(drafting, setting):
        if isinstance(stage, Prepared):
            # An agent sees what the article says at once; the model takes its time.
            async with database.transaction(organization_id) as session:
                preliminary = await store_draft(session, drafting, setting, found=stage.found, draft=stage.draft)
        elif isinstance(stage, Finished):
            async with database.transaction(organization_id) as session:
                await store_draft(
                    session, drafting, setting, found=stage.found, draft=stage.draft, instead_of=preliminary
                )
                await complete(session)
            log_draft(ticket_id, stage.draft)


async def begin(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, wanted: Wanted) -> Setting:
    """Return what the draft is written from; raise QuestionGone, or TicketClosed where nobody waits for a reply."""
    setting = await read_setting(session, organization_id=organization_id, ticket_id=ticket_id, wanted=wanted)
    if is_settled(setting.question.status):
        raise TicketClosed("The ticket was settled before a reply was drafted.")
    return setting


async def draft_for(drafting: Drafting, question: Question, *, wanted: Wanted = NOTHING_SPECIAL) -> Draft:
    """Return a draft for a question, as it would be stored; nothing is, and no policy of an organisation counts.

    Raises:
        ModelBusy: there are no vectors for now.
    """
    style = Style(
        tone=wanted.tone or "neutral",
        length=wanted.length or "medium",
        language=wanted.language or question.spoken or "en",
    )
    setting = Setting(question, style, wanted, thread=question.all_words)
    async with aclosing(stages(drafting, setting)) as made:
        async for stage in made:
            if isinstance(stage, Finished):
                return stage.draft
    raise AssertionError("drafting ends with a draft")


async def stages(drafting: Drafting, setting: Setting) -> AsyncGenerator[Stage]:
    """Yield what was found, what the articles alone make of it, and the draft; nothing is stored.

    No transaction is open while a model works.
    """
    found = await look_up(drafting, setting.question)
    yield found
    if not found.evidence.quotes:
        yield Finished(found, nothing(setting, found))
        return
    draft = quoted(setting, found)
    if draft.abstained:
        yield Finished(found, draft)
        return
    language = await _language(drafting)
    whole = writes(drafting.settings.reply_phrasing, drafting.settings.text_model)
    call, away = await _prepared_call(language, setting, found, whole=whole)
    if call is None:
        yield Finished(found, quoted(setting, found, why=away if whole else ""))
        return
    yield Prepared(found, draft, call)
    if whole:
        call = await ask_for_draft(drafting, language, call, setting=setting, evidence=found.evidence)
        yield Finished(found, written(setting, found, call, within_s=drafting.settings.reply_timeout_s))
        return
    call = await ask_for_topic(language, call, within_s=drafting.settings.reply_timeout_s)
    opening = opening_of(call, setting=setting, evidence=found.evidence)
    yield Finished(found, quoted(setting, found, opening=opening, call=call))


async def _prepared_call(
    language: ChosenModel, setting: Setting, found: Found, *, whole: bool
) -> tuple[Call | None, str]:
    """Return the call to make, or None and why, where that is worth telling."""
    identity, away = await model_to_ask(language)
    if identity is None:
        return None, away or language.why_not
    make = draft_call if whole else topic_call
    return make(identity, setting=setting, evidence=found.evidence), ""


async def _language(drafting: Drafting) -> ChosenModel:
    async with drafting.database.transaction(drafting.organization_id) as session:
        return await language_for(
            session,
            drafting.models,
            organization_id=drafting.organization_id,
            now=drafting.now,
            interactive=drafting.interactive,
        )


def log_draft(ticket_id: UUID, draft: Draft) -> None:
    """Log how a draft came out."""
    log.info(
        "reply_drafted",
        ticket_id=str(ticket_id),
        method=draft.method,
        sentences=len(draft.sentences),
        abstained=draft.abstained,
        without_model=None if draft.call is None or draft.call.error is None else type(draft.call.error).__name__,
    )
