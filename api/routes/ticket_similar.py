"""Tickets like a ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, needs
from api.routes.ticket_reference import TicketId
from api.schemas.graph import SimilarTicketsView, WaitingView, similar_ticket_view
from helpdesk.models.values import UserRole
from helpdesk.rag.similar import alike_tickets

router = APIRouter(prefix="/tickets", tags=["tickets"], dependencies=[needs(UserRole.AGENT)])


@router.get("/{ticket}/similar", summary="Tickets like a ticket", dependencies=[FROM_REPLICA])
async def read_similar_tickets(
    *,
    ticket_id: TicketId,
    session: ReadSession,
    user: CurrentUser,
    now: Now,
    limit: Annotated[int, Query(ge=1, le=20)] = 5,
    hours: Annotated[int, Query(ge=1, le=168, description="How far back open tickets count as waiting.")] = 4,
) -> SimilarTicketsView:
    """Read which tickets are like this one, which are the same problem, and by which article they were solved.

    Several open ones within hours are most probably an outage; `waiting` counts them.
    """
    found = await alike_tickets(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        most=limit,
        within=timedelta(hours=hours),
        now=now,
    )
    return SimilarTicketsView(
        found_by=found.found_by,
        tickets=[similar_ticket_view(ticket) for ticket in found.tickets],
        waiting=WaitingView(
            count=len(found.waiting), since=found.since, numbers=[ticket.number for ticket in found.waiting]
        ),
    )
