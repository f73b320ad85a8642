"""Draft a reply: find the article, quote what answers, let a text model open, check every sentence, store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.database.engine import Database
from helpdesk.rag.questions import Question, read_question, vector_of
from helpdesk.rag.search import SearchAnswer
from helpdesk.replies.draft import Draft, compose_draft, quotes_of
from helpdesk.replies.evidence import look_up, quote
from helpdesk.replies.grounding import check
from helpdesk.replies.opening import ask_for_opening
from helpdesk.replies.storing import read_signature, store_draft
from helpdesk.settings import Settings
from helpdesk.tickets.lifecycle import TicketClosed, is_settled

log = structlog.get_logger(__name__)


async def draft_reply(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
    settings: Settings,
) -> None:
    """Draft a reply out of what customers may read, with citations; or say what was searched in vain.

    Raises:
        TicketGone, TicketClosed: there is nothing to answer.
        TicketMovedOn: the requester wrote more meanwhile; try again.
        ModelBusy: there are no vectors for now. A text model that is away is done without.
    """
    if settings.smart_reply == "off":
        async with database.transaction(organization_id) as session:
            await complete(session)
        return
    async with database.transaction(organization_id) as session:
        question = await read_question(session, organization_id=organization_id, ticket_id=ticket_id)
        signature = await read_signature(session, organization_id=organization_id)
    if is_settled(question.status):
        raise TicketClosed("The ticket was settled before a reply was drafted.")
    draft, answer = await _draft(
        database, models, organization_id=organization_id, question=question, signature=signature, now=now
    )
    async with database.transaction(organization_id) as session:
        await store_draft(
            session, organization_id=organization_id, question=question, draft=draft, answer=answer, now=now
        )
        await complete(session)
    log.info(
        "reply_drafted",
        ticket_id=str(ticket_id),
        method=draft.method,
        sentences=len(draft.sentences),
        abstained=draft.abstain_reason is not None,
    )


async def _draft(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    question: Question,
    signature: str,
    now: datetime,
) -> tuple[Draft, SearchAnswer]:
    vector = await vector_of(database, models.embedder, organization_id=organization_id, question=question, now=now)
    async with database.transaction(organization_id) as session:
        answer, article = await look_up(session, organization_id=organization_id, question=question, vector=vector)
    language = question.spoken or question.language
    if article is None:
        return Draft(abstain_reason=_why_not(answer), language=language), answer
    evidence = await quote(
        database,
        models.embedder,
        organization_id=organization_id,
        question=question,
        vector=vector,
        article=article,
        found=next(result for result in answer.results if result.source_id == article.id),
        now=now,
    )
    checked = check(quotes_of(evidence), evidence.texts)
    if not checked.kept:
        reason = f"The article “{article.title}” was found, but nothing in it can be quoted as an answer."
        return Draft(abstain_reason=reason, language=language), answer
    opening = await ask_for_opening(models.language, question=question, evidence=evidence, language=language)
    return compose_draft(question, evidence, checked, opening, language=language, signature=signature), answer


def _why_not(answer: SearchAnswer) -> str:
    searched = "The published articles that customers may read were searched by words"
    searched += "." if answer.degraded else " and by meaning."
    return f"No article answers this ticket. {searched} {answer.reason}".strip()
