"""Read what the pipeline found for a ticket: triage, suggestions, the draft and the risk of a breach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.ai import BreachPrediction, KbSuggestion, KbSuggestionSet, ReplyDraft, TriagePrediction
from helpdesk.models.sla import Clock


@dataclass(frozen=True)
class Suggestions:
    """The current set of suggestions with its articles, the best first."""

    of: KbSuggestionSet
    items: Sequence[KbSuggestion]


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
    return Suggestions(found, items.all())


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
