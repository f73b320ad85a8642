"""Suggest articles for a ticket, each with the reason why; or say that there are none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.errors import Conflict
from helpdesk.events.conversation import confirm_unchanged
from helpdesk.events.record import record
from helpdesk.kb.reasons import why
from helpdesk.models.ai import KbSuggestion, KbSuggestionSet
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleState, AuthorKind, SourceType, TicketStatus
from helpdesk.rag.questions import Question, read_question, vector_of
from helpdesk.rag.retrieval.query import SearchAnswer, SearchQuery, SearchResult
from helpdesk.rag.retrieval.search import search

log = structlog.get_logger(__name__)

MOST_SUGGESTIONS = 5


class TicketSettled(Conflict):
    """The ticket was settled before articles were looked for."""


async def suggest_articles(
    database: Database,
    models: Models,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    now: datetime,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> None:
    """Store at most five published articles that answer a ticket, in place of those suggested before.

    Raises:
        TicketGone, TicketSettled: there is nothing to suggest for.
        TicketMovedOn: the requester wrote more meanwhile; try again.
        ModelBusy: there are no vectors for now.
    """
    async with database.transaction(organization_id) as session:
        question = await read_question(session, organization_id=organization_id, ticket_id=ticket_id)
    if question.status in {TicketStatus.SOLVED, TicketStatus.CLOSED}:
        raise TicketSettled
    vector = await vector_of(database, models.embedder, organization_id=organization_id, question=question, now=now)
    # Agents read the suggestions, so what only agents may read is among them.
    query = SearchQuery(
        text=question.text,
        vector=vector,
        types=(SourceType.KB,),
        visibility=("public", "internal"),
        limit=MOST_SUGGESTIONS,
    )
    async with database.transaction(organization_id) as session:
        answer = await search(session, organization_id=organization_id, query=query)
        await _store(session, organization_id=organization_id, question=question, answer=answer, now=now)
        await complete(session)
    log.info("articles_suggested", ticket_id=str(ticket_id), suggestions=len(answer.results), degraded=answer.degraded)


async def _store(
    session: AsyncSession, *, organization_id: UUID, question: Question, answer: SearchAnswer, now: datetime
) -> None:
    await confirm_unchanged(session, organization_id=organization_id, ticket_id=question.id, seen=question.seen)
    versions = await _published_versions(session, organization_id=organization_id, results=answer.results)
    shown = [result for result in answer.results if result.source_id in versions]
    await session.execute(
        update(KbSuggestionSet)
        .where(
            KbSuggestionSet.organization_id == organization_id,
            KbSuggestionSet.ticket_id == question.id,
            KbSuggestionSet.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )
    made = KbSuggestionSet(
        id=new_id(),
        organization_id=organization_id,
        ticket_id=question.id,
        created_at=now,
        abstained=not shown,
        reason="" if shown else answer.reason or "The article that was found is no longer published.",
        degraded=answer.degraded,
        best_relevance=shown[0].relevance if shown else None,
        model=answer.model,
    )
    session.add(made)
    await session.flush()
    session.add_all(
        _row(result, rank=rank, version=versions[result.source_id], made=made, question=question)
        for rank, result in enumerate(shown, start=1)
    )
    await record(
        session,
        organization_id=organization_id,
        ticket_id=question.id,
        kind="ticket.articles_suggested",
        now=now,
        actor_kind=AuthorKind.AI,
        data={"articles": [result.title for result in shown], "abstained": not shown},
    )


async def _published_versions(
    session: AsyncSession, *, organization_id: UUID, results: Sequence[SearchResult]
) -> dict[UUID, int]:
    rows = await session.execute(
        select(Article.id, Article.published_version).where(
            Article.organization_id == organization_id,
            Article.id.in_([result.source_id for result in results]),
            Article.state == ArticleState.PUBLISHED,
            Article.published_version.is_not(None),
        )
    )
    return {row.id: row.published_version for row in rows if row.published_version is not None}


def _row(result: SearchResult, *, rank: int, version: int, made: KbSuggestionSet, question: Question) -> KbSuggestion:
    return KbSuggestion(
        organization_id=made.organization_id,
        set_id=made.id,
        ticket_id=made.ticket_id,
        created_at=made.created_at,
        article_id=result.source_id,
        article_version=version,
        chunk_id=result.chunk_id,
        rank=rank,
        relevance=result.relevance,
        title=result.title,
        heading_path=result.heading_path,
        snippet=result.snippet,
        why=why(question.text, result),
        signals={"signals": result.signals, "highlights": [list(span) for span in result.highlights]},
    )
