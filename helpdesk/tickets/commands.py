"""Open, answer, move and assign tickets; each command leaves log, clocks and queued work in step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.record import record
from helpdesk.models.tickets import Message, Ticket
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketStatus
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings
from helpdesk.sla.commands import choose_policy, refresh_clocks
from helpdesk.tickets.follow_up import (
    follow_up_customer_message,
    follow_up_opening,
    index_ticket,
    predict_anew,
)
from helpdesk.tickets.lifecycle import TicketClosed, check_move, is_settled, status_after_message
from helpdesk.tickets.requests import Actor, NewTicket
from helpdesk.tickets.rows import active_user, insert_ticket, lock_ticket, message_row, team_by_slug


async def open_ticket(
    session: AsyncSession, *, organization_id: UUID, new: NewTicket, actor: Actor, now: datetime, settings: Settings
) -> Ticket:
    """Open a ticket with its clocks, its history and the work that follows, all in the open transaction.

    Raises:
        CategoryNotFound, TeamNotFound, AssetNotFound: the ticket names one that does not exist.
    """
    ticket, is_awaited = await insert_ticket(session, organization_id=organization_id, new=new, now=now)
    writer = Actor(AuthorKind.CUSTOMER, ticket.contact_id) if ticket.contact_id else actor
    session.add(message_row(ticket=ticket, actor=writer, body=new.body, visibility=MessageVisibility.PUBLIC, now=now))
    policy = await choose_policy(session, organization_id=organization_id, ticket=ticket)
    # An agent who enters what a customer asked for has not answered it: the ticket is the requester's.
    await record(
        session,
        organization_id=organization_id,
        ticket_id=ticket.id,
        kind="ticket.opened",
        now=now,
        actor_kind=writer.kind,
        actor_id=writer.id,
        data={"priority": ticket.priority, "policy": policy, "number": ticket.number, "channel": ticket.channel},
    )
    await refresh_clocks(session, organization_id=organization_id, ticket_id=ticket.id, now=now)
    await follow_up_opening(session, ticket=ticket, announce=is_awaited, now=now, settings=settings)
    return ticket


async def reply(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    body: str,
    actor: Actor,
    now: datetime,
    settings: Settings,
) -> Message:
    """Add a public message; a customer's wakes the ticket and has it looked at again.

    Raises:
        TicketNotFound, TicketClosed.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    status = status_after_message(TicketStatus(ticket.status), actor.kind)
    message = await _say(session, ticket=ticket, actor=actor, body=body, visibility=MessageVisibility.PUBLIC, now=now)
    if actor.kind is AuthorKind.AGENT and ticket.first_public_reply_at is None:
        ticket.first_public_reply_at = now
    await _move(session, ticket=ticket, to=status, actor=actor, now=now)
    await refresh_clocks(session, organization_id=organization_id, ticket_id=ticket_id, now=now)
    if actor.kind is AuthorKind.CUSTOMER:
        await follow_up_customer_message(
            session, organization_id=organization_id, ticket_id=ticket_id, now=now, settings=settings
        )
    elif not is_settled(status):
        await predict_anew(session, organization_id=organization_id, ticket_id=ticket_id)
    return message


async def note(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, body: str, actor: Actor, now: datetime
) -> Message:
    """Add a note that only agents see; raise TicketNotFound or TicketClosed."""
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    if ticket.status == TicketStatus.CLOSED:
        raise TicketClosed
    return await _say(session, ticket=ticket, actor=actor, body=body, visibility=MessageVisibility.INTERNAL, now=now)


async def change_status(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    to: TicketStatus,
    actor: Actor,
    now: datetime,
    resolution: str | None = None,
) -> Ticket:
    """Move a ticket; solving it queues it for the index with its resolution.

    Raises:
        TicketNotFound, TicketClosed, IllegalMove.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    check_move(TicketStatus(ticket.status), to)
    if resolution is not None:
        ticket.resolution = resolution
    was_settled = is_settled(TicketStatus(ticket.status))
    await _move(session, ticket=ticket, to=to, actor=actor, now=now)
    await refresh_clocks(session, organization_id=organization_id, ticket_id=ticket_id, now=now)
    if is_settled(to) != was_settled or resolution is not None:
        await index_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    if not is_settled(to):
        await predict_anew(session, organization_id=organization_id, ticket_id=ticket_id)
    return ticket


async def assign(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
) -> Ticket:
    """Give a ticket to somebody: `assignee` (a user's id or None) and `team` (a slug or None), as far as given.

    Raises:
        TicketNotFound, TicketClosed, UserNotFound, TeamNotFound.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    if ticket.status == TicketStatus.CLOSED:
        raise TicketClosed
    before = {"assignee": ticket.assignee_id, "team": ticket.team_id}
    if "assignee" in changes:
        user_id = changes["assignee"]
        if user_id is not None:
            await active_user(session, organization_id=organization_id, user_id=user_id)
        ticket.assignee_id = user_id
    if "team" in changes:
        slug = changes["team"]
        team = await team_by_slug(session, organization_id=organization_id, slug=slug) if slug is not None else None
        ticket.team_id = team.id if team else None
        ticket.decided_by = ticket.decided_by | {"team": AuthorKind.AGENT}
    after = {"assignee": ticket.assignee_id, "team": ticket.team_id}
    if after == before:
        return ticket
    _touch(ticket, now)
    event = await record(
        session,
        organization_id=organization_id,
        ticket_id=ticket_id,
        kind="ticket.assigned",
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        data={name: str(value) if value else None for name, value in after.items()},
    )
    if after["assignee"] is not None and after["assignee"] not in {before["assignee"], actor.id}:
        await enqueue(
            session,
            DeliverNotification(
                kind="ticket.assigned",
                ticket_id=ticket_id,
                dedupe_key=str(event.id),
                title=f"#{ticket.number} is now yours",
            ),
            organization_id=organization_id,
        )
    return ticket


async def _say(
    session: AsyncSession, *, ticket: Ticket, actor: Actor, body: str, visibility: MessageVisibility, now: datetime
) -> Message:
    message = message_row(ticket=ticket, actor=actor, body=body, visibility=visibility, now=now)
    session.add(message)
    _touch(ticket, now)
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


async def _move(session: AsyncSession, *, ticket: Ticket, to: TicketStatus, actor: Actor, now: datetime) -> None:
    current = TicketStatus(ticket.status)
    if current is to:
        return
    if is_settled(to):
        ticket.solved_at = ticket.solved_at or now
    elif is_settled(current):
        ticket.solved_at = None
        ticket.reopen_count += 1
    ticket.status = to
    _touch(ticket, now)
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


def _touch(ticket: Ticket, now: datetime) -> None:
    ticket.version += 1
    ticket.updated_at = now
