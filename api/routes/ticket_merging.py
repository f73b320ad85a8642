"""Merge tickets that stand for the same concern."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.dependencies import CurrentUser, Now, Transaction
from api.routes.ticket_reference import TicketId, actor_of
from api.routes.ticket_view import ticket_view
from api.schemas.findings import TicketView
from api.schemas.tickets import Merger
from helpdesk.tickets.merging import MergeTargetNotFound, merge
from helpdesk.tickets.queries import ticket_id_of
from helpdesk.tickets.requests import TicketNotFound

router = APIRouter(prefix="/tickets", tags=["tickets"])


@router.post("/{ticket}/merge", summary="Merge a ticket into another one")
async def merge_ticket(
    *,
    merger: Merger,
    ticket_id: TicketId,
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> TicketView:
    """Merge this ticket into the one named, which is shown; this one is closed for good and its clocks are cancelled.

    The other ticket gets a note with the opening words, the watchers and the assets; messages and files stay here.
    """
    try:
        into = await ticket_id_of(session, organization_id=user.organization_id, reference=merger.into)
    except TicketNotFound as unknown:
        raise MergeTargetNotFound from unknown
    await merge(
        session, organization_id=user.organization_id, ticket_id=ticket_id, into=into, actor=actor_of(user), now=now
    )
    return await ticket_view(session, response, organization_id=user.organization_id, ticket_id=into)
