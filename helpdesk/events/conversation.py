"""Notice that a requester has written more, or an agent has answered, while a ticket was being worked on."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict, NotFound

_LATEST = text("""
    SELECT id FROM messages
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id AND author_kind = 'customer'
     ORDER BY created_at DESC, id DESC LIMIT 1
""")

_LATEST_ANSWER = text("""
    SELECT id FROM messages
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id
       AND author_kind = 'agent' AND visibility = 'public'
     ORDER BY created_at DESC, id DESC LIMIT 1
""")

# A message takes the same lock before it is added: either it is seen here, or it finds this transaction's work done.
_LOCK = text("SELECT 1 FROM tickets WHERE organization_id = :organization_id AND id = :ticket_id FOR UPDATE")


class TicketGone(NotFound):
    """The ticket is no longer there."""


class TicketMovedOn(Conflict):
    """The requester has written more since the ticket was read."""


class TicketAnswered(Conflict):
    """An agent has answered the requester since the ticket was read."""


async def latest_customer_message(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> UUID | None:
    """Return the id of the requester's latest message, None when there is none."""
    found: UUID | None = await session.scalar(_LATEST, {"organization_id": organization_id, "ticket_id": ticket_id})
    return found


async def confirm_unchanged(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, seen: UUID | None
) -> None:
    """Hold the ticket, and make sure that what was read of the requester's words is still all of them.

    Call it before storing what was made of them: work queued for a later message counts on being done anew.

    Raises:
        TicketGone: the ticket was deleted.
        TicketMovedOn: there is a later message.
    """
    values = {"organization_id": organization_id, "ticket_id": ticket_id}
    if await session.scalar(_LOCK, values) is None:
        raise TicketGone
    if await session.scalar(_LATEST, values) != seen:
        raise TicketMovedOn


async def latest_answer(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> UUID | None:
    """Return the id of the latest public message of an agent, None when there is none."""
    found: UUID | None = await session.scalar(
        _LATEST_ANSWER, {"organization_id": organization_id, "ticket_id": ticket_id}
    )
    return found


async def confirm_unanswered(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, seen: UUID | None
) -> None:
    """Make sure that no agent has answered since; the ticket must be held, see `confirm_unchanged`.

    Raises:
        TicketAnswered: there is a later answer, so that nothing is to be done anew.
    """
    if await latest_answer(session, organization_id=organization_id, ticket_id=ticket_id) != seen:
        raise TicketAnswered("An agent has answered meanwhile.")
