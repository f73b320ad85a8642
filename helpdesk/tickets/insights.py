"""Read what the pipeline made of a ticket: triage, suggestions, draft and predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.ai import BreachPrediction, KbSuggestion, KbSuggestionSet, ReplyDraft, TriagePrediction


@dataclass(frozen=True)
class Insights:
    """What the pipeline has stored for a ticket so far; None and empty mean that it has not got there yet.

    Attributes:
        triage: the current prediction of each field.
        suggestion_set, suggestions: the articles offered, or the set's reason for offering none.
        draft: the current reply draft, or its reason for there being none.
        predictions: the latest breach prediction of each clock.
    """

    triage: Sequence[TriagePrediction]
    suggestion_set: KbSuggestionSet | None
    suggestions: Sequence[KbSuggestion]
    draft: ReplyDraft | None
    predictions: Sequence[BreachPrediction]


async def insights_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Insights:
    """Return the current insights of one ticket."""
    triage = await session.scalars(
        select(TriagePrediction)
        .where(
            TriagePrediction.organization_id == organization_id,
            TriagePrediction.ticket_id == ticket_id,
            TriagePrediction.superseded_at.is_(None),
        )
        .order_by(TriagePrediction.field)
    )
    suggestion_set = await session.scalar(
        select(KbSuggestionSet).where(
            KbSuggestionSet.organization_id == organization_id,
            KbSuggestionSet.ticket_id == ticket_id,
            KbSuggestionSet.superseded_at.is_(None),
        )
    )
    draft = await session.scalar(
        select(ReplyDraft).where(
            ReplyDraft.organization_id == organization_id,
            ReplyDraft.ticket_id == ticket_id,
            ReplyDraft.superseded_at.is_(None),
        )
    )
    return Insights(
        triage=triage.all(),
        suggestion_set=suggestion_set,
        suggestions=await _suggestions(session, organization_id=organization_id, suggestion_set=suggestion_set),
        draft=draft,
        predictions=await _predictions(session, organization_id=organization_id, ticket_id=ticket_id),
    )


async def _suggestions(
    session: AsyncSession, *, organization_id: UUID, suggestion_set: KbSuggestionSet | None
) -> Sequence[KbSuggestion]:
    if suggestion_set is None:
        return []
    statement = (
        select(KbSuggestion)
        .where(KbSuggestion.organization_id == organization_id, KbSuggestion.set_id == suggestion_set.id)
        .order_by(KbSuggestion.rank)
    )
    return (await session.scalars(statement)).all()


async def _predictions(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[BreachPrediction]:
    statement = (
        select(BreachPrediction)
        .ext(distinct_on(BreachPrediction.clock_id))
        .where(BreachPrediction.organization_id == organization_id, BreachPrediction.ticket_id == ticket_id)
        .order_by(BreachPrediction.clock_id, BreachPrediction.created_at.desc(), BreachPrediction.id.desc())
    )
    return (await session.scalars(statement)).all()
