"""Who wants to hear of a ticket."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, status

from api.dependencies import CurrentUser, ReadSession, Transaction
from api.paging import PageOf, Paging
from api.routes.ticket_reference import TicketId
from api.schemas.tickets import WatcherView
from helpdesk.accounts.queries import SignedIn
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.tickets.watching import unwatch, watch, watchers_of

router = APIRouter(prefix="/tickets/{ticket}/watchers", tags=["tickets"])


@router.get("", summary="List watchers")
async def list_watchers(
    ticket_id: TicketId, session: ReadSession, user: CurrentUser, page: Paging
) -> PageOf[WatcherView]:
    """Read who hears of the ticket although it is not theirs."""
    rows = await watchers_of(
        session,
        organization_id=user.organization_id,
        ticket_id=ticket_id,
        after=page.after_id(),
        limit=page.look_ahead,
    )
    return page.of(rows, WatcherView.model_validate, lambda row: (row.user_id,))


@router.put("/me", status_code=status.HTTP_204_NO_CONTENT, summary="Watch a ticket")
async def watch_it(ticket_id: TicketId, session: Transaction, user: CurrentUser) -> None:
    """Hear of the ticket from now on."""
    await watch(session, organization_id=user.organization_id, ticket_id=ticket_id, user_id=user.id)


@router.delete("/me", status_code=status.HTTP_204_NO_CONTENT, summary="Stop watching a ticket")
async def unwatch_it(ticket_id: TicketId, session: Transaction, user: CurrentUser) -> None:
    """Hear of the ticket no more, unless it is one's own."""
    await unwatch(session, organization_id=user.organization_id, ticket_id=ticket_id, user_id=user.id)


@router.put("/{user_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Have somebody watch a ticket")
async def add_watcher(user_id: UUID, ticket_id: TicketId, session: Transaction, user: CurrentUser) -> None:
    """Have a user hear of the ticket; for others than oneself it takes the role lead."""
    _require_lead(user, user_id)
    await watch(session, organization_id=user.organization_id, ticket_id=ticket_id, user_id=user_id)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Remove a watcher")
async def remove_watcher(user_id: UUID, ticket_id: TicketId, session: Transaction, user: CurrentUser) -> None:
    """Let a user hear of the ticket no more; for others than oneself it takes the role lead."""
    _require_lead(user, user_id)
    await unwatch(session, organization_id=user.organization_id, ticket_id=ticket_id, user_id=user_id)


def _require_lead(user: SignedIn, watcher: UUID) -> None:
    if watcher != user.id:
        require_role(user.role, UserRole.LEAD)
