"""Draft a reply: find the article, quote what answers, let a text model open, check every sentence, store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import LanguageModel, ModelBusy, Models
from helpdesk.answers.grounding import Checked, check
from helpdesk.database.engine import Database
from helpdesk.rag.questions import Question, read_question, vector_of
from helpdesk.rag.retrieval.query import SearchAnswer
from helpdesk.replies.draft import Draft, compose_draft, quotes_of
from helpdesk.replies.evidence import Evidence, look_up, quote
from helpdesk.replies.opening import Opening, ask_for_opening
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
    scope: dict[str, Any] = {"organization_id": organization_id, "question": question, "now": now}
    quoted = await _quote(database, models, **scope)
    draft = quoted.drafted(question, signature=signature)
    preliminary = None
    if quoted.evidence is not None and await _has_text_model(models.language):
        # An agent sees what the article says at once; the model that opens the reply takes its time.
        async with database.transaction(organization_id) as session:
            preliminary = await store_draft(session, **scope, draft=draft, answer=quoted.answer)
        opening = await ask_for_opening(
            models.language, question=question, evidence=quoted.evidence, language=draft.language
        )
        draft = quoted.drafted(question, signature=signature, opening=opening)
    async with database.transaction(organization_id) as session:
        await store_draft(session, **scope, draft=draft, answer=quoted.answer, instead_of=preliminary)
        await complete(session)
    log.info(
        "reply_drafted",
        ticket_id=str(ticket_id),
        method=draft.method,
        sentences=len(draft.sentences),
        abstained=draft.abstain_reason is not None,
    )


@dataclass(frozen=True)
class _Quoted:
    """What an article says to the question, or why nothing can be quoted."""

    answer: SearchAnswer
    language: str | None
    evidence: Evidence | None = None
    checked: Checked | None = None
    why_not: str | None = None

    def drafted(self, question: Question, *, signature: str, opening: Opening | None = None) -> Draft:
        """Return the draft that this makes, under an opening of a model's where there is one."""
        if self.evidence is None or self.checked is None:
            return Draft(abstain_reason=self.why_not, language=self.language)
        return compose_draft(
            question, self.evidence, self.checked, opening, language=self.language, signature=signature
        )


async def _has_text_model(language: LanguageModel) -> bool:
    try:
        return await language.identify() is not None
    except ModelBusy:
        return False


async def _quote(
    database: Database, models: Models, *, organization_id: UUID, question: Question, now: datetime
) -> _Quoted:
    vector = await vector_of(database, models.embedder, organization_id=organization_id, question=question, now=now)
    async with database.transaction(organization_id) as session:
        answer, article = await look_up(session, organization_id=organization_id, question=question, vector=vector)
    language = question.spoken or question.language
    if article is None:
        return _Quoted(answer, language, why_not=_why_not(answer))
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
        return _Quoted(answer, language, why_not=reason)
    return _Quoted(answer, language, evidence, checked)


def _why_not(answer: SearchAnswer) -> str:
    searched = "The published articles that customers may read were searched by words"
    searched += "." if answer.degraded else " and by meaning."
    return f"No article answers this ticket. {searched} {answer.reason}".strip()
