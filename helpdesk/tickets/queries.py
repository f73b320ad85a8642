"""Read tickets: lists by filters, and one with all that is known about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.accounts import Category, Contact, Team, User
from helpdesk.models.assets import Asset
from helpdesk.models.sla import Clock
from helpdesk.models.tickets import Message, Ticket, TicketAsset, TicketEvent
from helpdesk.sla.clocks.list_queries import at_risk
from helpdesk.sla.rules.risk import Risk
from helpdesk.tickets.requests import TicketNotFound


@dataclass(frozen=True)
class TicketFilter:
    """Which tickets a list holds; None leaves a field open.

    Attributes:
        statuses, priorities: any of these.
        category, team, tag: slugs and a tag.
        words: text that stands in the subject.
        risks: bands of which a clock of the ticket is in any.
    """

    statuses: Sequence[str] = ()
    priorities: Sequence[str] = ()
    category: str | None = None
    team: str | None = None
    assignee_id: UUID | None = None
    tag: str | None = None
    words: str | None = None
    risks: Sequence[Risk] = ()


@dataclass(frozen=True)
class TicketLink:
    """What names another ticket."""

    id: UUID
    number: int
    subject: str


@dataclass(frozen=True)
class TicketRow:
    """A ticket as a list shows it."""

    id: UUID
    number: int
    subject: str
    status: str
    priority: str
    type: str
    channel: str
    category: str | None
    team: str | None
    assignee_id: UUID | None
    assignee: str | None
    requester: str | None
    requester_email: str | None
    tags: list[str]
    language: str | None
    decided_by: dict[str, Any]
    resolution: str | None
    custom: dict[str, Any]
    external_id: str | None
    merged_into_id: UUID | None
    version: int
    reopen_count: int
    first_public_reply_at: datetime | None
    solved_at: datetime | None
    created_at: datetime
    updated_at: datetime


_ROW: Select[*tuple[Any, ...]] = (
    select(
        Ticket.id,
        Ticket.number,
        Ticket.subject,
        Ticket.status,
        Ticket.priority,
        Ticket.type,
        Ticket.channel,
        Category.slug,
        Team.slug,
        Ticket.assignee_id,
        User.name,
        Contact.name,
        Contact.email,
        Ticket.tags,
        Ticket.language,
        Ticket.decided_by,
        Ticket.resolution,
        Ticket.custom,
        Ticket.external_id,
        Ticket.merged_into_id,
        Ticket.version,
        Ticket.reopen_count,
        Ticket.first_public_reply_at,
        Ticket.solved_at,
        Ticket.created_at,
        Ticket.updated_at,
    )
    .outerjoin(Category, Category.id == Ticket.category_id)
    .outerjoin(Team, Team.id == Ticket.team_id)
    .outerjoin(User, User.id == Ticket.assignee_id)
    .outerjoin(Contact, Contact.id == Ticket.contact_id)
)


async def list_tickets(
    session: AsyncSession,
    *,
    organization_id: UUID,
    wanted: TicketFilter,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> list[TicketRow]:
    """Return tickets, the newest first, from the position after (creation time, id) on."""
    statement = _narrow(_ROW.where(Ticket.organization_id == organization_id), wanted)
    if after is not None:
        statement = statement.where(tuple_(Ticket.created_at, Ticket.id) < tuple_(*after))
    rows = await session.execute(statement.order_by(Ticket.created_at.desc(), Ticket.id.desc()).limit(limit))
    return [TicketRow(*row) for row in rows]


def _narrow(statement: Select[*tuple[Any, ...]], wanted: TicketFilter) -> Select[*tuple[Any, ...]]:
    if wanted.statuses:
        statement = statement.where(Ticket.status.in_(wanted.statuses))
    if wanted.priorities:
        statement = statement.where(Ticket.priority.in_(wanted.priorities))
    if wanted.category is not None:
        statement = statement.where(Category.slug == wanted.category)
    if wanted.team is not None:
        statement = statement.where(Team.slug == wanted.team)
    if wanted.assignee_id is not None:
        statement = statement.where(Ticket.assignee_id == wanted.assignee_id)
    if wanted.tag is not None:
        statement = statement.where(Ticket.tags.contains([wanted.tag]))
    if wanted.risks:
        at = select(Clock.id).where(Clock.organization_id == Ticket.organization_id, Clock.ticket_id == Ticket.id)
        statement = statement.where(at.where(at_risk(wanted.risks)).exists())
    if wanted.words:
        statement = statement.where(Ticket.subject.icontains(wanted.words, autoescape=True))
    return statement


async def get_ticket(session: AsyncSession, *, organization_id: UUID, reference: UUID | int) -> TicketRow:
    """Return one ticket by id or number.

    Raises:
        TicketNotFound: the organisation has none of that id or number.
    """
    which = Ticket.id == reference if isinstance(reference, UUID) else Ticket.number == reference
    row = (await session.execute(_ROW.where(Ticket.organization_id == organization_id, which))).first()
    if row is None:
        raise TicketNotFound
    return TicketRow(*row)


async def ticket_id_of(session: AsyncSession, *, organization_id: UUID, reference: UUID | int) -> UUID:
    """Return the id of a ticket named by id or number; raise TicketNotFound."""
    which = Ticket.id == reference if isinstance(reference, UUID) else Ticket.number == reference
    found = await session.scalar(select(Ticket.id).where(Ticket.organization_id == organization_id, which))
    if found is None:
        raise TicketNotFound
    return found


async def messages_of(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, limit: int = 500
) -> Sequence[Message]:
    """Return what was said on a ticket, the oldest first."""
    statement = (
        select(Message)
        .where(Message.organization_id == organization_id, Message.ticket_id == ticket_id)
        .order_by(Message.created_at, Message.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


async def absorbed_by(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[TicketLink]:
    """Return the tickets that were merged into one, by number."""
    statement = (
        select(Ticket.id, Ticket.number, Ticket.subject)
        .where(Ticket.organization_id == organization_id, Ticket.merged_into_id == ticket_id)
        .order_by(Ticket.number)
    )
    return [TicketLink(*row) for row in await session.execute(statement)]


async def link_to(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> TicketLink:
    """Return what names a ticket; raise TicketNotFound."""
    statement = select(Ticket.id, Ticket.number, Ticket.subject)
    own = statement.where(Ticket.organization_id == organization_id, Ticket.id == ticket_id)
    row = (await session.execute(own)).first()
    if row is None:
        raise TicketNotFound
    return TicketLink(*row)


async def assets_of(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[Asset]:
    """Return the assets a ticket is about, by tag."""
    statement = (
        select(Asset)
        .join(TicketAsset, TicketAsset.asset_id == Asset.id)
        .where(Asset.organization_id == organization_id, TicketAsset.ticket_id == ticket_id)
        .order_by(Asset.tag)
    )
    return (await session.scalars(statement)).all()


async def events_of(
    session: AsyncSession, *, organization_id: UUID, ticket_id: UUID, after_seq: int = 0, limit: int = 200
) -> Sequence[TicketEvent]:
    """Return a ticket's history in the order it was written, from a position on."""
    statement = (
        select(TicketEvent)
        .where(
            TicketEvent.organization_id == organization_id,
            TicketEvent.ticket_id == ticket_id,
            TicketEvent.seq > after_seq,
        )
        .order_by(TicketEvent.seq)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()
