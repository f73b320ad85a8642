"""An agent's word on what triage thought: a label to learn from, and a field decided by a person."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, NotFound
from helpdesk.models.ai import TriageFeedback, TriagePrediction
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor

Verdict = Literal["accept", "correct", "reject"]


class PredictionNotFound(NotFound):
    """There is no such prediction."""


class PredictionSuperseded(Conflict):
    """Triage has looked at the ticket again; the current prediction is another one."""


class NothingPredicted(Conflict):
    """The prediction names no value that could be accepted."""


async def judge_prediction(
    session: AsyncSession,
    *,
    organization_id: UUID,
    prediction_id: UUID,
    verdict: Verdict,
    value: str | None,
    actor: Actor,
    now: datetime,
) -> TriagePrediction:
    """Store a verdict and set the field to what the agent says; a rejection leaves the field as it is.

    Args:
        value: the right value, for a correction.

    Raises:
        PredictionNotFound, PredictionSuperseded, NothingPredicted: there is nothing (any more) to judge.
        TicketClosed, CategoryNotFound, TeamNotFound: the field cannot be set to the value.
    """
    prediction = await session.scalar(
        select(TriagePrediction).where(
            TriagePrediction.organization_id == organization_id, TriagePrediction.id == prediction_id
        )
    )
    if prediction is None:
        raise PredictionNotFound
    if prediction.superseded_at is not None:
        raise PredictionSuperseded
    final = prediction.value if verdict == "accept" else value
    if verdict == "accept" and final is None:
        raise NothingPredicted
    if verdict != "reject":
        await set_fields(
            session,
            organization_id=organization_id,
            ticket_id=prediction.ticket_id,
            changes={prediction.field: final},
            actor=actor,
            now=now,
        )
    session.add(
        TriageFeedback(
            organization_id=organization_id,
            ticket_id=prediction.ticket_id,
            prediction_id=prediction.id,
            field=prediction.field,
            predicted=prediction.value,
            final_value=final,
            verdict=verdict,
            user_id=actor.id,
            created_at=now,
        )
    )
    await session.flush()
    return prediction
