"""Tickets, what was said on them and what happened to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, Tenant, one_of
from helpdesk.models.values import AuthorKind, MessageVisibility, TicketPriority, TicketStatus, TicketType


class TicketCounter(Base):
    """The last ticket number an organisation gave out."""

    __tablename__ = "ticket_counters"

    organization_id: Mapped[OrganizationId] = mapped_column(primary_key=True)
    last_number: Mapped[int] = mapped_column(server_default=text("0"))


class Ticket(Tenant, Base):
    """One concern of one requester."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        Index("ix_tickets_organization_id_created_at", "organization_id", "created_at", "id"),
        Index("ix_tickets_organization_id_status", "organization_id", "status", "created_at"),
        # For walks over the open tickets: few among all that there ever were.
        Index("ix_tickets_open", "organization_id", "id", postgresql_where=text("status NOT IN ('solved', 'closed')")),
        Index(
            "uq_tickets_organization_id_external_id",
            "organization_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        one_of("status", TicketStatus),
        one_of("priority", TicketPriority),
        one_of("type", TicketType),
    )

    number: Mapped[int]
    subject: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=TicketStatus.NEW)
    priority: Mapped[str] = mapped_column(server_default=TicketPriority.NORMAL)
    type: Mapped[str] = mapped_column(server_default=TicketType.INCIDENT)
    channel: Mapped[str] = mapped_column(server_default="api")
    category_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id", ondelete="SET NULL"), index=True)
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"), index=True)
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    company_id: Mapped[UUID | None] = mapped_column(ForeignKey("companies.id", ondelete="SET NULL"), index=True)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    custom: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    language: Mapped[str | None]
    external_id: Mapped[str | None]
    # The ticket this one was merged into; it is closed then, and its clocks are cancelled.
    merged_into_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="SET NULL"), index=True)
    # Which fields a person has decided ({"priority": "human"}): what a person set, no model changes.
    decided_by: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    resolution: Mapped[str | None]
    first_public_reply_at: Mapped[datetime | None]
    solved_at: Mapped[datetime | None]
    reopen_count: Mapped[int] = mapped_column(server_default=text("0"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())


class Message(Tenant, Base):
    """Something said on a ticket."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_ticket_id", "ticket_id", "created_at", "id"),
        Index(
            "uq_messages_organization_id_source_id",
            "organization_id",
            "source_id",
            unique=True,
            postgresql_where=text("source_id IS NOT NULL"),
        ),
        one_of("author_kind", AuthorKind),
        one_of("visibility", MessageVisibility),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    author_kind: Mapped[str]
    author_user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    author_contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"))
    visibility: Mapped[str] = mapped_column(server_default=MessageVisibility.PUBLIC)
    body: Mapped[str]
    source_id: Mapped[str | None]


class TicketEvent(Tenant, Base):
    """One thing that happened to a ticket; the log that clocks and histories are computed from.

    A reader of the stream orders by (transaction_id, seq) and reads only below the oldest transaction still open,
    so an event that commits late is never skipped.
    """

    __tablename__ = "ticket_events"
    __table_args__ = (
        Index("ix_ticket_events_ticket_id", "ticket_id", "occurred_at", "seq"),
        Index("ix_ticket_events_stream", "organization_id", "transaction_id", "seq"),
        # For figures of a time: what happened in it, and what has changed since.
        Index("ix_ticket_events_kind", "organization_id", "kind", "occurred_at"),
        one_of("actor_kind", AuthorKind),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(Identity(always=True))
    transaction_id: Mapped[int] = mapped_column(server_default=text("(pg_current_xact_id()::text::bigint)"))
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class TicketAsset(Base):
    """An asset that a ticket is about."""

    __tablename__ = "ticket_assets"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("assets.id", ondelete="CASCADE"), primary_key=True, index=True)
    organization_id: Mapped[OrganizationId]
    created_at: Mapped[Moment]


class TicketWatcher(Base):
    """A user who wants to hear of a ticket."""

    __tablename__ = "ticket_watchers"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    organization_id: Mapped[OrganizationId]
    created_at: Mapped[Moment]
