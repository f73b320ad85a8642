"""Why a ticket's clocks show what they show."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from api.dependencies import CurrentUser, Now, ReadSession
from api.routes.ticket_reference import TicketId
from api.schemas.sla_explain import ClockExplanation, TicketExplanation
from helpdesk.sla.explaining.document import explanation_json
from helpdesk.sla.explaining.queries import explain_ticket
from helpdesk.sla.rules.policy import Metric

router = APIRouter(prefix="/tickets", tags=["sla"])


@router.get("/{ticket}/sla/explain", summary="Explain a ticket's clocks")
async def explain_clocks(
    *,
    ticket_id: TicketId,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    metric: Annotated[Metric | None, Query(description="Only the clocks of this metric.")] = None,
    as_of: Annotated[
        AwareDatetime | None, Query(description="At this time instead of now, at most a year ahead.")
    ] = None,
) -> TicketExplanation:
    """Read what each clock counted and what it left out, with the reason and the running percentage.

    The intervals of a clock lie end to end from its start to its end, and what they counted adds up to its elapsed
    time. In a very long life those in the middle are put together. The marks tell what happened in between.
    """
    found = await explain_ticket(
        session, organization_id=user.organization_id, ticket_id=ticket_id, now=now, as_of=as_of
    )
    wanted = [explanation for explanation in found if metric in {None, explanation.clock.metric}]
    return TicketExplanation(
        ticket_id=ticket_id,
        as_of=as_of or now,
        clocks=[ClockExplanation.model_validate(explanation_json(explanation)) for explanation in wanted],
    )
