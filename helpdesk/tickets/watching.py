"""Who wants to hear of a ticket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.accounts import User
from helpdesk.models.tickets import Message, Ticket, TicketWatcher
from helpdesk.models.values import NoticeKind
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.enqueue import enqueue
from helpdesk.tickets.requests import TicketNotFound
from helpdesk.tickets.rows import refuse_merged

# An address with an @ before it; what ends a sentence is no part of it.
_MENTION = re.compile(r"(?<![\w@.+-])@([\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)")
_MOST_MENTIONS = 20

# Only people of the organisation who are active.
_WATCH = text("""
    INSERT INTO ticket_watchers (organization_id, ticket_id, user_id)
    SELECT :organization_id, :ticket_id, id FROM users
     WHERE organization_id = :organization_id AND active
       AND (id = CAST(:user_id AS uuid) OR lower(email) = ANY (CAST(:addresses AS text[])))
        ON CONFLICT (ticket_id, user_id) DO UPDATE SET user_id = excluded.user_id
    RETURNING user_id
""")
_UNWATCH = text("""
    DELETE FROM ticket_watchers
     WHERE organization_id = :organization_id AND ticket_id = :ticket_id AND user_id = :user_id
""")


class WatcherNotFound(NotFound):
    """There is no such user who could watch a ticket."""


@dataclass(frozen=True)
class Watcher:
    """A user who watches a ticket, and since when."""

    user_id: UUID
    name: str
    email: str
    since: datetime


async def watch(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, user_id: UUID) -> None:
    """Have a user hear of a ticket; one who does already stays.

    Raises:
        TicketNotFound
        TicketMerged: the ticket it was merged into is the one to watch.
        WatcherNotFound: the user is not of the organisation, or not active.
    """
    # Held as the new row will hold it, but before there is one: a note or a merger, which has the ticket locked, may be
    # about to write the same row, and each would wait for the other.
    ticket = await session.scalar(
        select(Ticket)
        .where(Ticket.organization_id == organization_id, Ticket.id == ticket_id)
        .with_for_update(read=True, key_share=True)
    )
    if ticket is None:
        raise TicketNotFound
    await refuse_merged(session, ticket)
    values = {"organization_id": organization_id, "ticket_id": ticket_id, "user_id": user_id, "addresses": []}
    if (await session.execute(_WATCH, values)).first() is None:
        raise WatcherNotFound


async def unwatch(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, user_id: UUID) -> None:
    """Let a user hear of a ticket no more; one who does not anyway is no error."""
    await session.execute(_UNWATCH, {"organization_id": organization_id, "ticket_id": ticket_id, "user_id": user_id})


async def tell_mentioned(session: AsyncSession, *, ticket: Ticket, note: Message) -> None:
    """Have those watch a ticket, and tell them, whose address a note mentions, such as `@ada@desk.example`."""
    addresses = mentioned(note.body)
    if not addresses:
        return
    values = {"organization_id": ticket.organization_id, "ticket_id": ticket.id, "user_id": None}
    found = await session.scalars(_WATCH, values | {"addresses": addresses})
    others = tuple(user_id for user_id in found if user_id != note.author_user_id)
    if not others:
        return
    notice = DeliverNotification(
        kind=NoticeKind.TICKET_MENTIONED,
        ticket_id=ticket.id,
        dedupe_key=str(note.id),
        title=f"You were mentioned on #{ticket.number}",
        who=(),
        user_ids=others,
        actor_id=note.author_user_id,
        data={"message_id": str(note.id)},
    )
    await enqueue(session, notice, organization_id=ticket.organization_id)


def mentioned(body: str) -> list[str]:
    """Return the addresses that a text mentions, in lower case, each once, at most 20."""
    return list(dict.fromkeys(address.lower() for address in _MENTION.findall(body)))[:_MOST_MENTIONS]


async def watchers_of(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[Watcher]:
    """Return who watches a ticket, in the order of their ids, those after one."""
    statement = (
        select(User.id, User.name, User.email, TicketWatcher.created_at)
        .join(TicketWatcher, TicketWatcher.user_id == User.id)
        .where(TicketWatcher.organization_id == organization_id, TicketWatcher.ticket_id == ticket_id)
        .order_by(User.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(User.id > after)
    return [Watcher(*row) for row in await session.execute(statement)]
