"""Read what a mail says of tickets and articles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.accounts import Contact
from helpdesk.models.tickets import Message, Ticket
from helpdesk.notifications.people.letters import AboutArticle, AboutTicket


async def about_tickets(
    session: AsyncSession, *, organization_id: UUID, ticket_ids: Collection[UUID]
) -> dict[UUID, AboutTicket]:
    """Return what mails say of tickets, by id; those that are gone are left out."""
    rows = await session.execute(
        select(Ticket.id, Ticket.number, Ticket.subject, Ticket.priority, Ticket.status, Contact.name)
        .outerjoin(Contact, Contact.id == Ticket.contact_id)
        .where(Ticket.organization_id == organization_id, Ticket.id.in_(ticket_ids))
    )
    return {row[0]: AboutTicket(*row) for row in rows}


def article_in(data: Mapping[str, Any]) -> AboutArticle:
    """Return what a mail says of the article of a notice, which carries that itself; its words may have changed."""
    return AboutArticle(
        UUID(str(data["article_id"])), str(data.get("article_slug", "")), str(data.get("article_title", ""))
    )


async def words_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, message_id: object) -> str | None:
    """Return the text of a ticket's message; None where the id names none."""
    if message_id is None:
        return None
    try:
        known = UUID(str(message_id))
    except ValueError:
        return None
    words: str | None = await session.scalar(
        select(Message.body).where(
            Message.organization_id == organization_id, Message.ticket_id == ticket_id, Message.id == known
        )
    )
    return words
