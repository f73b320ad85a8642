"""Open, answer, move and assign tickets; each command leaves log, clocks and queued work in step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.events.record import record
from helpdesk.kb.suggestions.feedback import note_citations
from helpdesk.models.tickets import Message, Ticket
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.clocks.choosing import choose_policy
from helpdesk.sla.clocks.commands import reconsider_policy, refresh_clocks
from helpdesk.tickets.assigning import Place, hand_over
from helpdesk.tickets.follow_up import (
    follow_up_customer_message,
    follow_up_opening,
    index_ticket,
    keep_index_current,
    predict_anew,
)
from helpdesk.tickets.lifecycle import check_move, is_settled, status_after_message
from helpdesk.tickets.requests import Actor, NewTicket
from helpdesk.tickets.rows import (
    active_user,
    as_opened,
    insert_ticket,
    lock_changeable,
    lock_ticket,
    message_row,
    refuse_merged,
    team_by_slug,
)
from helpdesk.tickets.steps import move, say
from helpdesk.tickets.watching import tell_mentioned


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
    policy = await choose_policy(session, organization_id=organization_id, ticket=ticket, now=now)
    # An agent who enters what a customer asked for has not answered it: the ticket is the requester's.
    await record(
        session,
        organization_id=organization_id,
        ticket_id=ticket.id,
        kind="ticket.opened",
        now=now,
        actor_kind=writer.kind,
        actor_id=writer.id,
        data=as_opened(ticket, new) | {"priority": ticket.priority, "policy": policy},
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
        TicketNotFound, TicketClosed, TicketMerged.
    """
    ticket = await lock_changeable(session, organization_id=organization_id, ticket_id=ticket_id)
    was_settled = is_settled(TicketStatus(ticket.status))
    status = status_after_message(TicketStatus(ticket.status), actor.kind)
    message = await say(session, ticket=ticket, actor=actor, body=body, visibility=MessageVisibility.PUBLIC, now=now)
    if actor.kind is AuthorKind.AGENT and ticket.first_public_reply_at is None:
        ticket.first_public_reply_at = now
    if actor.kind is AuthorKind.AGENT:
        await note_citations(
            session, organization_id=organization_id, ticket_id=ticket_id, reply=body, user_id=actor.id, now=now
        )
    await move(session, ticket=ticket, to=status, actor=actor, now=now)
    await _keep_clocks(session, ticket, was_settled=was_settled, now=now)
    if actor.kind is AuthorKind.CUSTOMER:
        await follow_up_customer_message(session, ticket=ticket, message=message, now=now, settings=settings)
    elif not is_settled(status):
        await predict_anew(session, organization_id=organization_id, ticket_id=ticket_id)
    await keep_index_current(session, organization_id=organization_id, ticket_id=ticket_id)
    return message


async def note(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, body: str, actor: Actor, now: datetime
) -> Message:
    """Add a note that only agents see; colleagues whose address it mentions watch the ticket and are told.

    Raises:
        TicketNotFound, TicketClosed, TicketMerged.
    """
    ticket = await lock_changeable(session, organization_id=organization_id, ticket_id=ticket_id)
    message = await say(session, ticket=ticket, actor=actor, body=body, visibility=MessageVisibility.INTERNAL, now=now)
    await tell_mentioned(session, ticket=ticket, note=message)
    await keep_index_current(session, organization_id=organization_id, ticket_id=ticket_id)
    return message


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
        TicketNotFound, TicketClosed, TicketMerged, IllegalMove.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    await refuse_merged(session, ticket)
    check_move(TicketStatus(ticket.status), to)
    if resolution is not None:
        ticket.resolution = resolution
    was_settled = is_settled(TicketStatus(ticket.status))
    await move(session, ticket=ticket, to=to, actor=actor, now=now)
    await _keep_clocks(session, ticket, was_settled=was_settled, now=now)
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
        TicketNotFound, TicketClosed, TicketMerged, UserNotFound, TeamNotFound.
    """
    ticket = await lock_changeable(session, organization_id=organization_id, ticket_id=ticket_id)
    to: dict[Place, UUID | None] = {}
    if "assignee" in changes:
        to["assignee"] = user_id = changes["assignee"]
        if user_id is not None:
            await active_user(session, organization_id=organization_id, user_id=user_id)
    if "team" in changes:
        slug = changes["team"]
        team = await team_by_slug(session, organization_id=organization_id, slug=slug) if slug is not None else None
        to["team"] = team.id if team else None
    await hand_over(session, ticket=ticket, to=to, actor=actor, now=now)
    return ticket


async def _keep_clocks(session: AsyncSession, ticket: Ticket, *, was_settled: bool, now: datetime) -> None:
    """Bring the clocks in step; a ticket that is opened again comes under what is promised now."""
    if was_settled and not is_settled(TicketStatus(ticket.status)):
        await reconsider_policy(session, organization_id=ticket.organization_id, ticket=ticket, now=now)
    else:
        await refresh_clocks(session, organization_id=ticket.organization_id, ticket_id=ticket.id, now=now)
