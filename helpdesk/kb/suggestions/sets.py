"""Store what the knowledge base has for a ticket: articles with their reasons, alike tickets, or the nearest misses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.events.record import record
from helpdesk.kb.suggestions.floor import Floor
from helpdesk.kb.suggestions.reasons import Known, why
from helpdesk.models.ai import KbSuggestion, KbSuggestionSet
from helpdesk.models.kb import Article
from helpdesk.models.values import ArticleState, AuthorKind, SourceType, UnansweredOrigin
from helpdesk.rag.graph.similar import SimilarTicket
from helpdesk.rag.questions import Question
from helpdesk.rag.retrieval.query import SearchAnswer, SearchResult
from helpdesk.rag.retrieval.unanswered import forget_unanswered, note_unanswered

_MOST_MISSES = 3

# What somebody said of an article for this ticket holds for the next set too.
_EARLIER_VERDICTS = text("""
    SELECT DISTINCT ON (article_id) article_id, verdict, verdict_by, verdict_at, comment, cited_at FROM kb_suggestions
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id
       AND (verdict IS NOT NULL OR cited_at IS NOT NULL)
     ORDER BY article_id, created_at DESC
""")


@dataclass(frozen=True)
class Offer:
    """What was found for a ticket."""

    question: Question
    answer: SearchAnswer
    floor: Floor
    duplicates: Sequence[SimilarTicket] = ()


@dataclass(frozen=True)
class _Published:
    version: int
    products: tuple[str, ...]


async def store_offer(session: AsyncSession, *, organization_id: UUID, offer: Offer, now: datetime) -> KbSuggestionSet:
    """Store an offer in place of the one before, and remember a question that nothing answers.

    The ticket must be held by the caller, see `confirm_unchanged`.
    """
    question, answer = offer.question, offer.answer
    published = await _published(session, organization_id=organization_id, answer=answer)
    shown = [result for result in answer.results if result.source_id in published]
    made = await _replace_set(session, organization_id=organization_id, offer=offer, shown=shown, now=now)
    made.misses = [
        {"article_id": str(miss.source_id), "title": miss.title, "relevance": round(miss.relevance, 4)}
        for miss in answer.missed
        if miss.source_id in published
    ][:_MOST_MISSES]
    await session.flush()
    verdicts = await _earlier_verdicts(session, organization_id=organization_id, ticket_id=question.id)
    solved = _solved_by_article(offer.duplicates)
    for rank, result in enumerate(shown, start=1):
        article = published[result.source_id]
        row = _row(result, rank=rank, version=article.version, made=made)
        row.why = why(question.text, result, Known(article.products, solved[result.source_id]))
        for name, value in verdicts.get(result.source_id, {}).items():
            setattr(row, name, value)
        session.add(row)
    await _remember(session, organization_id=organization_id, offer=offer, shown=shown, now=now)
    await record(
        session,
        organization_id=organization_id,
        ticket_id=question.id,
        kind="ticket.articles_suggested",
        now=now,
        actor_kind=AuthorKind.AI,
        data={"articles": [result.title for result in shown], "abstained": not shown, "degraded": answer.degraded},
    )
    return made


async def has_set(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> bool:
    """Return whether anything was offered for a ticket yet, be it that there is nothing."""
    found = await session.scalar(
        select(KbSuggestionSet.id).where(
            KbSuggestionSet.organization_id == organization_id,
            KbSuggestionSet.ticket_id == ticket_id,
            KbSuggestionSet.superseded_at.is_(None),
        )
    )
    return found is not None


async def _replace_set(
    session: AsyncSession, *, organization_id: UUID, offer: Offer, shown: Sequence[SearchResult], now: datetime
) -> KbSuggestionSet:
    await session.execute(
        update(KbSuggestionSet)
        .where(
            KbSuggestionSet.organization_id == organization_id,
            KbSuggestionSet.ticket_id == offer.question.id,
            KbSuggestionSet.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )
    answer = offer.answer
    made = KbSuggestionSet(
        id=new_id(),
        organization_id=organization_id,
        ticket_id=offer.question.id,
        created_at=now,
        abstained=not shown,
        reason="" if shown else answer.reason or "The article that was found is no longer published.",
        degraded=answer.degraded,
        best_relevance=shown[0].relevance if shown else answer.best_relevance,
        floor=offer.floor.value,
        floor_reason=offer.floor.reason,
        duplicates=[_duplicate(ticket) for ticket in offer.duplicates],
        model=answer.model,
    )
    session.add(made)
    return made


async def _published(session: AsyncSession, *, organization_id: UUID, answer: SearchAnswer) -> dict[UUID, _Published]:
    found = [result.source_id for result in answer.results]
    found += [miss.source_id for miss in answer.missed if miss.source_type is SourceType.KB]
    rows = await session.execute(
        select(Article.id, Article.published_version, Article.products).where(
            Article.organization_id == organization_id,
            Article.id.in_(found),
            Article.state == ArticleState.PUBLISHED,
            Article.published_version.is_not(None),
        )
    )
    return {
        row.id: _Published(row.published_version, tuple(row.products))
        for row in rows
        if row.published_version is not None
    }


async def _earlier_verdicts(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID
) -> dict[UUID, dict[str, Any]]:
    rows = await session.execute(_EARLIER_VERDICTS, {"organization_id": organization_id, "ticket_id": ticket_id})
    found = {}
    for row in rows.mappings():
        values = dict(row)
        found[values.pop("article_id")] = values
    return found


def _solved_by_article(duplicates: Sequence[SimilarTicket]) -> defaultdict[UUID, list[int]]:
    solved: defaultdict[UUID, list[int]] = defaultdict(list)
    for ticket in duplicates:
        for article in ticket.solved_by:
            solved[article.id].append(ticket.number)
    return solved


def _duplicate(ticket: SimilarTicket) -> dict[str, Any]:
    """Return what is kept of an alike ticket; its words stay in the ticket itself and go with it."""
    return {
        "ticket_id": str(ticket.ticket_id),
        "similarity": None if ticket.similarity is None else round(ticket.similarity, 4),
        "same_as": ticket.same_as,
        "solved_by": [str(article.id) for article in ticket.solved_by],
    }


async def _remember(
    session: AsyncSession, *, organization_id: UUID, offer: Offer, shown: Sequence[SearchResult], now: datetime
) -> None:
    if shown:
        await forget_unanswered(session, organization_id=organization_id, ticket_id=offer.question.id)
    elif not offer.answer.degraded:
        await note_unanswered(
            session,
            organization_id=organization_id,
            text=offer.question.text,
            origin=UnansweredOrigin.TICKET,
            ticket_id=offer.question.id,
            best_relevance=offer.answer.best_relevance,
            now=now,
        )


def _row(result: SearchResult, *, rank: int, version: int, made: KbSuggestionSet) -> KbSuggestion:
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
        signals={"signals": result.signals, "highlights": [list(span) for span in result.highlights]},
    )
