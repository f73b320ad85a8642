"""Find and make the rows that commands on tickets work with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.commands import find_or_create_contact
from helpdesk.database.base import new_id
from helpdesk.models.accounts import Category, Contact, Team, User
from helpdesk.models.assets import Asset
from helpdesk.models.tickets import Message, Ticket, TicketAsset
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus, TicketType
from helpdesk.tickets.lifecycle import TicketClosed, TicketMerged
from helpdesk.tickets.requests import (
    Actor,
    AssetNotFound,
    CategoryNotFound,
    NewTicket,
    TeamNotFound,
    TicketAlreadyThere,
    TicketNotFound,
    UserNotFound,
)

# The row's lock hands out numbers one at a time, without gaps where a ticket fails to commit. Whether anybody outside
# wants to hear of new tickets is asked along with it: most organisations have nobody, and pay no statement for that.
_NEXT_NUMBER = text("""
    INSERT INTO ticket_counters AS c (organization_id, last_number) VALUES (:organization_id, 1)
    ON CONFLICT (organization_id) DO UPDATE SET last_number = c.last_number + 1
    RETURNING last_number, EXISTS (
        SELECT FROM webhook_endpoints AS w
         WHERE w.organization_id = :organization_id AND w.state <> 'paused'
           AND w.events && ARRAY['ticket.opened', '*']) AS is_awaited
""")

# What a ticket was merged into may have been merged in turn; never in a circle, as a merged ticket takes no other.
_HEIR = text("""
    WITH RECURSIVE line AS (
        SELECT id, number, merged_into_id FROM tickets WHERE organization_id = :organization_id AND id = :id
        UNION ALL
        SELECT t.id, t.number, t.merged_into_id FROM line JOIN tickets AS t ON t.id = line.merged_into_id
         WHERE t.organization_id = :organization_id)
    SELECT id, number FROM line WHERE merged_into_id IS NULL
""")


async def lock_ticket(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Ticket:
    """Return a ticket whose row nobody else changes until this transaction ends.

    Raises:
        TicketNotFound: the organisation has none of that id.
    """
    ticket = await session.scalar(
        select(Ticket).where(Ticket.id == ticket_id, Ticket.organization_id == organization_id).with_for_update()
    )
    if ticket is None:
        raise TicketNotFound
    return ticket


async def lock_changeable(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Ticket:
    """Return a locked ticket that takes changes.

    Raises:
        TicketNotFound, TicketClosed, TicketMerged.
    """
    ticket = await lock_ticket(session, organization_id=organization_id, ticket_id=ticket_id)
    await refuse_merged(session, ticket)
    if ticket.status == TicketStatus.CLOSED:
        raise TicketClosed
    return ticket


async def refuse_merged(session: AsyncSession, ticket: Ticket) -> None:
    """Name the ticket that stands for a merged one.

    Raises:
        TicketMerged: it was merged into that.
    """
    if ticket.merged_into_id is None:
        return
    values = {"organization_id": ticket.organization_id, "id": ticket.id}
    heir = (await session.execute(_HEIR, values)).one()
    raise TicketMerged(f"#{ticket.number} was merged into #{heir.number}.", into=str(heir.id), number=heir.number)


async def category_by_slug(session: AsyncSession, *, organization_id: UUID, slug: str) -> Category:
    """Return a category; raise CategoryNotFound."""
    found = await session.scalar(
        select(Category).where(Category.organization_id == organization_id, Category.slug == slug)
    )
    if found is None:
        raise CategoryNotFound(f"There is no category {slug!r}.")
    return found


async def team_by_slug(session: AsyncSession, *, organization_id: UUID, slug: str) -> Team:
    """Return a team; raise TeamNotFound."""
    found = await session.scalar(select(Team).where(Team.organization_id == organization_id, Team.slug == slug))
    if found is None:
        raise TeamNotFound(f"There is no team {slug!r}.")
    return found


async def active_user(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> User:
    """Return a user who can be given work; raise UserNotFound."""
    found = await session.scalar(
        select(User).where(User.organization_id == organization_id, User.id == user_id, User.active)
    )
    if found is None:
        raise UserNotFound
    return found


async def insert_ticket(
    session: AsyncSession, *, organization_id: UUID, new: NewTicket, now: datetime
) -> tuple[Ticket, bool]:
    """Insert a ticket and its links; fields that a person gave are marked as theirs.

    Returns:
        The ticket, and whether a webhook is to be told of new ones.
    """
    await _refuse_second(session, organization_id=organization_id, external_id=new.external_id)
    contact = await _contact(session, organization_id=organization_id, new=new)
    category = team = None
    if new.category is not None:
        category = await category_by_slug(session, organization_id=organization_id, slug=new.category)
    if new.team is not None:
        team = await team_by_slug(session, organization_id=organization_id, slug=new.team)
    given = {"priority": new.priority, "type": new.type, "category": new.category, "team": new.team}
    ticket = Ticket(
        id=new_id(),
        organization_id=organization_id,
        subject=new.subject,
        priority=new.priority or TicketPriority.NORMAL,
        type=new.type or TicketType.INCIDENT,
        status="new",
        channel=new.channel,
        category_id=category.id if category else None,
        team_id=team.id if team else None,
        contact_id=contact.id if contact else None,
        company_id=contact.company_id if contact else None,
        tags=sorted(set(new.tags)),
        custom=new.custom,
        external_id=new.external_id,
        decided_by={name: AuthorKind.AGENT for name, value in given.items() if value is not None},
        version=1,
        reopen_count=0,
        created_at=now,
        updated_at=now,
    )
    asset_ids = await _assets(session, organization_id=organization_id, tags=new.assets)
    numbered = (await session.execute(_NEXT_NUMBER, {"organization_id": organization_id})).one()
    ticket.number = numbered.last_number
    session.add(ticket)
    await session.flush()
    session.add_all(
        TicketAsset(ticket_id=ticket.id, asset_id=asset_id, organization_id=organization_id) for asset_id in asset_ids
    )
    return ticket, numbered.is_awaited


def as_opened(ticket: Ticket, new: NewTicket) -> dict[str, Any]:
    """Return what the log keeps of how a ticket was opened, so that it tells how things stood at any time."""
    return {
        "number": ticket.number,
        "channel": ticket.channel,
        "type": ticket.type,
        "category": new.category,
        "team": new.team,
        "company": str(ticket.company_id) if ticket.company_id else None,
    }


async def _refuse_second(session: AsyncSession, *, organization_id: UUID, external_id: str | None) -> None:
    if external_id is None:
        return
    number = await session.scalar(
        select(Ticket.number).where(Ticket.organization_id == organization_id, Ticket.external_id == external_id)
    )
    if number is not None:
        raise TicketAlreadyThere(f"Ticket #{number} has the external id {external_id!r}.", number=number)


async def _contact(session: AsyncSession, *, organization_id: UUID, new: NewTicket) -> Contact | None:
    if new.requester is None:
        return None
    return await find_or_create_contact(
        session, organization_id=organization_id, email=new.requester.email, name=new.requester.name
    )


async def _assets(session: AsyncSession, *, organization_id: UUID, tags: Sequence[str]) -> list[UUID]:
    if not tags:
        return []
    rows = await session.execute(
        select(Asset.tag, Asset.id).where(Asset.organization_id == organization_id, Asset.tag.in_(set(tags)))
    )
    found = {row.tag: row.id for row in rows}
    for tag in tags:
        if tag not in found:
            raise AssetNotFound(f"There is no asset {tag!r}.")
    return sorted(found.values())


def message_row(
    *,
    ticket: Ticket,
    actor: Actor,
    body: str,
    visibility: MessageVisibility,
    now: datetime,
) -> Message:
    """Return the row of a message, not yet added."""
    by_contact = actor.kind is AuthorKind.CUSTOMER
    return Message(
        id=new_id(),
        organization_id=ticket.organization_id,
        ticket_id=ticket.id,
        author_kind=actor.kind,
        author_user_id=None if by_contact else actor.id,
        author_contact_id=(actor.id or ticket.contact_id) if by_contact else None,
        visibility=visibility,
        body=body,
        created_at=now,
    )
