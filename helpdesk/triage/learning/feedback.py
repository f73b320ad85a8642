"""An agent's word on what triage thought: a label to learn from, and a field decided by a person."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.events.overrides import Verdict, put_word
from helpdesk.models.ai import TriagePrediction
from helpdesk.models.tickets import Ticket
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from helpdesk.tickets.rows import lock_ticket

__all__ = [
    "NothingPredicted",
    "PredictionNotFound",
    "PredictionSuperseded",
    "ValueImpossible",
    "Verdict",
    "judge_prediction",
]

_SENTIMENTS = ("negative", "neutral", "positive")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


class PredictionNotFound(NotFound):
    """There is no such prediction."""


class PredictionSuperseded(Conflict):
    """Triage has looked at the ticket again; the current prediction is another one."""


class NothingPredicted(Conflict):
    """The prediction names no value that could be accepted."""


class ValueImpossible(Invalid):
    """The field cannot hold the value."""


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

    It takes the place of an earlier word on the same prediction; saying the same twice counts once.

    Args:
        value: the right value, for a correction.

    Raises:
        PredictionNotFound, PredictionSuperseded, NothingPredicted: there is nothing (any more) to judge.
        TicketClosed: the ticket takes no changes.
        CategoryNotFound, TeamNotFound, ValueRefused, ValueImpossible: the field cannot be set to the value.
    """
    prediction = await session.scalar(
        select(TriagePrediction).where(
            TriagePrediction.organization_id == organization_id, TriagePrediction.id == prediction_id
        )
    )
    if prediction is None:
        raise PredictionNotFound
    # In the order in which everybody else takes them: the ticket, then the word on it.
    await lock_ticket(session, organization_id=organization_id, ticket_id=prediction.ticket_id)
    await session.refresh(prediction)
    if prediction.superseded_at is not None:
        raise PredictionSuperseded
    final = prediction.value if verdict == "accept" else value if verdict == "correct" else None
    if verdict == "accept" and final is None:
        raise NothingPredicted
    if verdict == "correct" and final == prediction.value:
        verdict = "accept"
    if verdict != "reject":
        await _set(session, prediction, final, actor=actor, now=now)
    await put_word(
        session,
        organization_id=organization_id,
        prediction_id=prediction.id,
        verdict=verdict,
        value=final,
        origin="verdict",
        user_id=actor.id,
        now=now,
    )
    return prediction


async def _set(
    session: AsyncSession, prediction: TriagePrediction, value: str | None, *, actor: Actor, now: datetime
) -> None:
    """Set the field of the ticket that a prediction is about; some predictions are about none."""
    match prediction.field:
        case "language" | "sentiment" | "summary" | "duplicate_of":
            await _refuse_impossible(session, prediction, value or "")
            return
        case "impact" | "urgency":
            changes: dict[str, Any] = {"custom": {prediction.field: value}}
        case "tags":
            changes = {"tags": [tag.strip() for tag in (value or "").split(",") if tag.strip()]}
        case _:
            changes = {prediction.field: value}
    await set_fields(
        session,
        organization_id=prediction.organization_id,
        ticket_id=prediction.ticket_id,
        changes=changes,
        actor=actor,
        now=now,
    )


async def _refuse_impossible(session: AsyncSession, prediction: TriagePrediction, value: str) -> None:
    """Refuse what no ticket could have, in fields that are only ever told."""
    match prediction.field:
        case "sentiment" if value not in _SENTIMENTS:
            raise ValueImpossible(f"{value!r} is none of {', '.join(_SENTIMENTS)}.")
        case "language" if _LANGUAGE.fullmatch(value) is None:
            raise ValueImpossible(f"{value!r} is no code of a language, such as en.")
        case "duplicate_of":
            other = value.isdecimal() and await session.scalar(
                select(Ticket.id).where(
                    Ticket.organization_id == prediction.organization_id,
                    Ticket.number == int(value[:9]),
                    Ticket.id != prediction.ticket_id,
                )
            )
            if not other:
                raise ValueImpossible(f"{value!r} is the number of no other ticket.")
