"""Which ticket a path means, and who acts on it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

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
    return await ticket_id_of(session, organization_id=user.organization_id, reference=ticket)


TicketId = Annotated[UUID, Depends(_ticket_id, scope="function")]


def actor_of(user: SignedIn) -> Actor:
    """Return the user as the author of what they do."""
    return Actor(AuthorKind.AGENT, user.id)
