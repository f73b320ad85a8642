"""Read what the pipeline found for a ticket: triage, suggestions, the draft and the risk of a breach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.ai import BreachPrediction, KbSuggestion, KbSuggestionSet, ReplyDraft, TriagePrediction
from helpdesk.models.kb import Article, ArticleVersion
from helpdesk.models.sla import Clock
from helpdesk.models.tickets import Ticket


@dataclass(frozen=True)
class DuplicateSolution:
    """An article that solved an alike ticket."""

    id: UUID
    slug: str
    title: str


@dataclass(frozen=True)
class Duplicate:
    """An alike ticket as it stands now.

    Attributes:
        similarity: how close the two are in meaning, at most 1; None where only words were compared.
        same_as: whether they are so alike that one may stand for the other.
    """

    ticket_id: UUID
    number: int
    subject: str
    status: str
    similarity: float | None
    same_as: bool
    solved_by: Sequence[DuplicateSolution]


@dataclass(frozen=True)
class Suggestions:
    """The current set of suggestions with its articles and alike tickets, the best first."""

    of: KbSuggestionSet
    items: Sequence[KbSuggestion]
    duplicates: Sequence[Duplicate]


@dataclass(frozen=True)
class Findings:
    """What is known so far; None or empty where the work is not done yet.

    Attributes:
        triage: the current prediction of each field.
        breach: the newest prediction of each clock that still counts.
    """

    triage: Sequence[TriagePrediction]
    suggestions: Suggestions | None
    draft: ReplyDraft | None
    breach: Sequence[BreachPrediction]


NOTHING_YET = Findings(triage=(), suggestions=None, draft=None, breach=())


async def findings_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Findings:
    """Return everything the pipeline has found for a ticket."""
    return Findings(
        triage=await triage_of(session, organization_id=organization_id, ticket_id=ticket_id),
        suggestions=await suggestions_of(session, organization_id=organization_id, ticket_id=ticket_id),
        draft=await draft_of(session, organization_id=organization_id, ticket_id=ticket_id),
        breach=await breach_of(session, organization_id=organization_id, ticket_id=ticket_id),
    )


async def triage_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[TriagePrediction]:
    """Return the current prediction of each field, by name of the field."""
    statement = (
        select(TriagePrediction)
        .where(
            TriagePrediction.organization_id == organization_id,
            TriagePrediction.ticket_id == ticket_id,
            TriagePrediction.superseded_at.is_(None),
        )
        .order_by(TriagePrediction.field)
    )
    return (await session.scalars(statement)).all()


async def suggestions_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Suggestions | None:
    """Return the current suggestions, None when nobody has looked yet."""
    found = await session.scalar(
        select(KbSuggestionSet).where(
            KbSuggestionSet.organization_id == organization_id,
            KbSuggestionSet.ticket_id == ticket_id,
            KbSuggestionSet.superseded_at.is_(None),
        )
    )
    if found is None:
        return None
    items = await session.scalars(
        select(KbSuggestion)
        .where(KbSuggestion.organization_id == organization_id, KbSuggestion.set_id == found.id)
        .order_by(KbSuggestion.rank)
    )
    return Suggestions(found, items.all(), await _duplicates(session, organization_id, found))


async def _duplicates(session: AsyncSession, organization_id: UUID, found: KbSuggestionSet) -> Sequence[Duplicate]:
    """Return the alike tickets that are still there, with the articles that are still published."""
    if not found.duplicates:
        return ()
    tickets = await session.execute(
        select(Ticket.id, Ticket.number, Ticket.subject, Ticket.status).where(
            Ticket.organization_id == organization_id,
            Ticket.id.in_([UUID(one["ticket_id"]) for one in found.duplicates]),
        )
    )
    by_id = {row.id: row for row in tickets}
    articles = await session.execute(
        select(Article.id, Article.slug, ArticleVersion.title)
        .join(
            ArticleVersion,
            (ArticleVersion.article_id == Article.id) & (ArticleVersion.number == Article.published_version),
        )
        .where(
            Article.organization_id == organization_id,
            Article.id.in_([UUID(article) for one in found.duplicates for article in one["solved_by"]]),
        )
    )
    solutions = {str(row.id): DuplicateSolution(row.id, row.slug, row.title) for row in articles}
    return [
        Duplicate(
            ticket_id=ticket.id,
            number=ticket.number,
            subject=ticket.subject,
            status=ticket.status,
            similarity=one["similarity"],
            same_as=one["same_as"],
            solved_by=[solutions[article] for article in one["solved_by"] if article in solutions],
        )
        for one in found.duplicates
        if (ticket := by_id.get(UUID(one["ticket_id"]))) is not None
    ]


async def draft_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> ReplyDraft | None:
    """Return the current draft, None when there is none yet."""
    return await session.scalar(
        select(ReplyDraft).where(
            ReplyDraft.organization_id == organization_id,
            ReplyDraft.ticket_id == ticket_id,
            ReplyDraft.superseded_at.is_(None),
        )
    )


async def breach_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[BreachPrediction]:
    """Return the newest prediction of each running or paused clock that is not late yet."""
    statement = (
        select(BreachPrediction)
        .join(Clock, Clock.id == BreachPrediction.clock_id)
        .where(
            BreachPrediction.organization_id == organization_id,
            BreachPrediction.ticket_id == ticket_id,
            Clock.state.in_(("running", "paused")),
            ~Clock.breached,
        )
        .ext(distinct_on(BreachPrediction.clock_id))
        .order_by(BreachPrediction.clock_id, BreachPrediction.as_of.desc(), BreachPrediction.id.desc())
    )
    return (await session.scalars(statement)).all()
