"""What triage thinks of a ticket, and the agents' word on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, status

from api.dependencies import CurrentUser, Now, ReadSession, Transaction
from api.paging import PageOf, Paging
from api.routes.ticket_reference import TicketId, actor_of
from api.routes.ticket_view import triage_view
from api.schemas.findings import Correction, Enqueued
from api.schemas.triage import PredictionView
from helpdesk.queue.catalog import TriageTicket
from helpdesk.queue.enqueue import enqueue
from helpdesk.tickets.findings import triage_of
from helpdesk.triage.deciding.queries import list_predictions
from helpdesk.triage.learning.feedback import Verdict, judge_prediction

router = APIRouter(tags=["triage"])


@router.get("/tickets/{ticket}/triage", summary="Read a ticket's triage")
async def read_triage(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> dict[str, PredictionView]:
    """Read the current prediction of each field with what speaks for it; empty before the first."""
    found = await triage_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return triage_view(found) or {}


@router.get("/tickets/{ticket}/triage/history", summary="Read all that triage has thought of a ticket")
async def read_history(
    ticket_id: TicketId,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    field: Annotated[str | None, Query(max_length=40, description="Only predictions of this field.")] = None,
) -> PageOf[PredictionView]:
    """Read a ticket's predictions, those superseded among them, the newest first."""
    rows = await list_predictions(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        field=field,
        before=page.after_moment(),
        limit=page.look_ahead,
    )
    return page.of(rows, PredictionView.model_validate, lambda row: (row.created_at, row.id))


@router.post("/tickets/{ticket}/triage", status_code=status.HTTP_202_ACCEPTED, summary="Triage a ticket again")
async def triage_again(ticket_id: TicketId, session: Transaction, user: CurrentUser) -> Enqueued:
    """Have a ticket triaged again; while that waits or runs, asking once more changes nothing."""
    job_id = await enqueue(
        session,
        TriageTicket(ticket_id=ticket_id),
        organization_id=user.organization_id,
        unique_key=str(ticket_id),
    )
    return Enqueued(job_id=job_id)


@router.post("/triage/predictions/{prediction_id}/accept", summary="Accept a prediction")
async def accept(prediction_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> PredictionView:
    """Set the field to the predicted value."""
    return await _judge(prediction_id, "accept", None, session, user, now)


@router.post("/triage/predictions/{prediction_id}/reject", summary="Reject a prediction")
async def reject(prediction_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> PredictionView:
    """Say that the prediction is wrong; the field stays as it is."""
    return await _judge(prediction_id, "reject", None, session, user, now)


@router.post("/triage/predictions/{prediction_id}/correct", summary="Correct a prediction")
async def correct(
    prediction_id: UUID, correction: Correction, session: Transaction, user: CurrentUser, now: Now
) -> PredictionView:
    """Set the field to the right value, from which triage learns."""
    return await _judge(prediction_id, "correct", correction.value, session, user, now)


async def _judge(  # noqa: PLR0917  -- the three verdicts differ in two of these
    prediction_id: UUID, verdict: Verdict, value: str | None, session: Transaction, user: CurrentUser, now: Now
) -> PredictionView:
    prediction = await judge_prediction(
        session,
        organization_id=user.organization_id,
        prediction_id=prediction_id,
        verdict=verdict,
        value=value,
        actor=actor_of(user),
        now=now,
    )
    return PredictionView.model_validate(prediction)
