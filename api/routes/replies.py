"""Reply drafts and suggestions of a ticket."""

from __future__ import annotations

from fastapi import APIRouter, status

from api.dependencies import CurrentUser, ReadSession, Transaction
from api.routes.ticket_reference import TicketId
from api.routes.ticket_view import suggestions_view
from api.schemas.findings import DraftView, Enqueued, SuggestionsView
from helpdesk.queue.catalog import SmartReply
from helpdesk.queue.enqueue import enqueue
from helpdesk.tickets.findings import draft_of, suggestions_of

router = APIRouter(prefix="/tickets/{ticket}", tags=["replies"])


@router.get("/draft", summary="Read a ticket's draft")
async def read_draft(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> DraftView | None:
    """Read the current draft with its citations, or why there is none; null before the first."""
    draft = await draft_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return DraftView.model_validate(draft) if draft else None


@router.post("/drafts", status_code=status.HTTP_202_ACCEPTED, summary="Have a reply drafted")
async def draft_reply(ticket_id: TicketId, session: Transaction, user: CurrentUser) -> Enqueued:
    """Have a reply drafted, or drafted again; while that waits or runs, asking once more changes nothing."""
    job_id = await enqueue(
        session, SmartReply(ticket_id=ticket_id), organization_id=user.organization_id, unique_key=str(ticket_id)
    )
    return Enqueued(job_id=job_id)


@router.get("/kb-suggestions", tags=["kb"], summary="Read a ticket's suggestions")
async def read_suggestions(ticket_id: TicketId, session: ReadSession, user: CurrentUser) -> SuggestionsView | None:
    """Read the articles offered for a ticket, or why there are none; null before anybody looked."""
    found = await suggestions_of(session, organization_id=user.organization_id, ticket_id=ticket_id)
    return suggestions_view(found)
