"""Take over tickets from the past: their log is written as it was, and only the index has work with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Invalid
from helpdesk.events.record import record
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus
from helpdesk.sla.clocks.choosing import choose_policy
from helpdesk.sla.clocks.commands import store_clocks
from helpdesk.sla.clocks.ledger import read_ledgers
from helpdesk.tickets.follow_up import index_ticket
from helpdesk.tickets.lifecycle import is_settled, status_after_message
from helpdesk.tickets.requests import SYSTEM, Actor, NewTicket
from helpdesk.tickets.rows import as_opened, insert_ticket, message_row

# Below fresh changes, above repairs: an import does not keep new tickets out of the index.
IMPORT_PRIORITY = 2


@dataclass(frozen=True)
class PastMessage:
    """Something that was said."""

    at: datetime
    actor: Actor
    body: str
    visibility: MessageVisibility = MessageVisibility.PUBLIC


@dataclass(frozen=True)
class PastMove:
    """A status the ticket took on."""

    at: datetime
    to: TicketStatus
    actor: Actor = SYSTEM


@dataclass(frozen=True)
class PastTicket:
    """A ticket that is over.

    Attributes:
        ticket: as it was opened, with the fields it had in the end.
        moves: the statuses it took on by somebody's hand; the last is solved or closed.
        first_priority: the priority it had until the first answer, where an agent corrected it.
    """

    ticket: NewTicket
    opened_at: datetime
    moves: Sequence[PastMove]
    messages: Sequence[PastMessage] = field(default=())
    assignee_id: UUID | None = None
    resolution: str | None = None
    first_priority: TicketPriority | None = None


class NotPast(Invalid):
    """A past ticket ends solved or closed."""


async def add_past_ticket(session: AsyncSession, *, organization_id: UUID, past: PastTicket) -> Ticket:
    """Store a past ticket with its messages, log and ended clocks; queue it for the index and for nothing else.

    Raises:
        NotPast: the last move does not end it.
        CategoryNotFound, TeamNotFound, AssetNotFound: the ticket names one that does not exist.
    """
    if not past.moves or not is_settled(past.moves[-1].to):
        raise NotPast
    ticket, _ = await insert_ticket(session, organization_id=organization_id, new=past.ticket, now=past.opened_at)
    ticket.assignee_id = past.assignee_id
    ticket.resolution = past.resolution
    await _open(session, ticket, past)
    corrected = past.first_priority is None
    steps: list[PastMessage | PastMove] = [*past.messages, *past.moves]
    for step in sorted(steps, key=lambda step: step.at):
        if isinstance(step, PastMove):
            await _move(session, ticket, step)
            continue
        await _say(session, ticket, step)
        if not corrected and step.actor.kind is AuthorKind.AGENT:
            corrected = True
            change = {"from": past.first_priority, "to": ticket.priority}
            await _log(session, ticket, "ticket.priority_changed", at=step.at, actor=step.actor, data=change)
    ticket.updated_at = past.moves[-1].at
    await session.flush()
    ledgers = await read_ledgers(session, organization_id=organization_id, ticket_ids=[ticket.id])
    await store_clocks(
        session, organization_id=organization_id, ticket_id=ticket.id, ledger=ledgers[ticket.id], now=ticket.updated_at
    )
    await index_ticket(session, organization_id=organization_id, ticket_id=ticket.id, priority=IMPORT_PRIORITY)
    return ticket


async def _open(session: AsyncSession, ticket: Ticket, past: PastTicket) -> None:
    writer = Actor(AuthorKind.CUSTOMER, ticket.contact_id)
    policy = await choose_policy(session, organization_id=ticket.organization_id, ticket=ticket, now=ticket.created_at)
    opening = as_opened(ticket, past.ticket) | {"priority": past.first_priority or ticket.priority, "policy": policy}
    await _log(session, ticket, "ticket.opened", at=past.opened_at, actor=writer, data=opening)
    session.add(
        message_row(
            ticket=ticket, actor=writer, body=past.ticket.body, visibility=MessageVisibility.PUBLIC, now=past.opened_at
        )
    )


async def _say(session: AsyncSession, ticket: Ticket, said: PastMessage) -> None:
    message = message_row(ticket=ticket, actor=said.actor, body=said.body, visibility=said.visibility, now=said.at)
    session.add(message)
    ticket.version += 1
    data = {"message_id": str(message.id), "visibility": said.visibility}
    await _log(session, ticket, "message.added", at=said.at, actor=said.actor, data=data)
    if said.visibility is MessageVisibility.INTERNAL:
        return
    if said.actor.kind is AuthorKind.AGENT and ticket.first_public_reply_at is None:
        ticket.first_public_reply_at = said.at
    status = status_after_message(TicketStatus(ticket.status), said.actor.kind)
    await _move(session, ticket, PastMove(said.at, status, said.actor))


async def _move(session: AsyncSession, ticket: Ticket, move: PastMove) -> None:
    current = TicketStatus(ticket.status)
    if current is move.to:
        return
    if is_settled(move.to):
        ticket.solved_at = ticket.solved_at or move.at
    elif is_settled(current):
        ticket.solved_at = None
        ticket.reopen_count += 1
    ticket.status = move.to
    data = {"from": current, "to": move.to}
    await _log(session, ticket, "ticket.status_changed", at=move.at, actor=move.actor, data=data)


async def _log(
    session: AsyncSession, ticket: Ticket, kind: str, *, at: datetime, actor: Actor, data: dict[str, Any]
) -> None:
    await record(
        session,
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        kind=kind,
        now=at,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data=data,
    )
