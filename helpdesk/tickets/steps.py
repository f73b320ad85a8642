"""The steps that commands are made of; the caller holds the lock on the ticket's row."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.record import record
from helpdesk.models.tickets import Message, Ticket
from helpdesk.models.values import MessageVisibility, TicketStatus
from helpdesk.tickets.lifecycle import is_settled
from helpdesk.tickets.requests import Actor
from helpdesk.tickets.rows import message_row


async def say(
    session: AsyncSession, *, ticket: Ticket, actor: Actor, body: str, visibility: MessageVisibility, now: datetime
) -> Message:
    """Add a message, and record that it was added."""
    message = message_row(ticket=ticket, actor=actor, body=body, visibility=visibility, now=now)
    session.add(message)
    touch(ticket, now)
    await record(
        session,
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        kind="message.added",
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data={"message_id": str(message.id), "visibility": visibility},
    )
    return message


async def move(session: AsyncSession, *, ticket: Ticket, to: TicketStatus, actor: Actor, now: datetime) -> None:
    """Move a ticket to a status, and record it; nothing happens when it stands there."""
    current = TicketStatus(ticket.status)
    if current is to:
        return
    if is_settled(to):
        ticket.solved_at = ticket.solved_at or now
    elif is_settled(current):
        ticket.solved_at = None
        ticket.reopen_count += 1
    ticket.status = to
    touch(ticket, now)
    await record(
        session,
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        kind="ticket.status_changed",
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data={"from": current, "to": to},
    )


def touch(ticket: Ticket, now: datetime) -> None:
    """Count a change."""
    ticket.version += 1
    ticket.updated_at = now
