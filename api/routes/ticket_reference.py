"""Which ticket a path means, and who acts on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import structlog
from fastapi import Depends, Path

from api.dependencies import CurrentUser, Transaction
from helpdesk.accounts.queries import SignedIn
from helpdesk.models.values import AuthorKind
from helpdesk.tickets.queries import ticket_id_of
from helpdesk.tickets.requests import Actor

_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
TicketReference = Annotated[UUID | _Number, Path(description="A ticket's id or its number.")]


async def _ticket_id(
    ticket: TicketReference,
    session: Transaction,
    user: CurrentUser,
) -> UUID:
    ticket_id = await ticket_id_of(session, organization_id=user.organization_id, reference=ticket)
    about_ticket(ticket_id)
    return ticket_id


TicketId = Annotated[UUID, Depends(_ticket_id, scope="function")]


def about_ticket(ticket_id: UUID) -> None:
    """Have whatever the request logs from here on name its ticket."""
    structlog.contextvars.bind_contextvars(ticket_id=str(ticket_id))


def actor_of(user: SignedIn) -> Actor:
    """Return the user as the author of what they do."""
    return Actor(AuthorKind.AGENT, user.id)
