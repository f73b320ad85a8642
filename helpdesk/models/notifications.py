"""What people are told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, Integer, Text, UniqueConstraint, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from helpdesk.database.base import Base, Moment, OrganizationId, Tenant, one_of
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import NoticeChannel, NoticeState


class Notification(Tenant, Base):
    """One message for one user; the key keeps it from being told twice.

    A reader of the stream orders by (transaction_id, seq), as for the events of tickets; a change of the row moves it
    to the stream's end.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        UniqueConstraint("organization_id", "user_id", "dedupe_key"),
        Index("ix_notifications_user_id", "user_id", "created_at"),
        Index("ix_notifications_created_at", "created_at"),
        Index("ix_notifications_stream", "user_id", "transaction_id", "seq"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    title: Mapped[str]
    body: Mapped[str] = mapped_column(server_default="")
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    dedupe_key: Mapped[str]
    read_at: Mapped[datetime | None]
    seq: Mapped[int] = mapped_column(Identity(always=True))
    transaction_id: Mapped[int] = mapped_column(server_default=text("(pg_current_xact_id()::text::bigint)"))
    ticket_number: Mapped[int | None] = column_property(
        select(Ticket.number).where(Ticket.id == ticket_id).correlate_except(Ticket).scalar_subquery()
    )

    @property
    def read(self) -> bool:
        """Tell whether the user has read it."""
        return self.read_at is not None


class NotificationPreferences(Base):
    """How a user wants to be told; without a row, as everybody is."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[OrganizationId]
    # What differs from the usual, as {kind: {channel: timing}}.
    timings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    quiet_hours: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    urgent_in_quiet_hours: Mapped[bool] = mapped_column(server_default=text("false"))
    digest_minutes: Mapped[int] = mapped_column(Integer, server_default=text("10"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())


class MailPace(Base):
    """How fast a user is mailed; whoever decides on a mail to them holds the row's lock."""

    __tablename__ = "mail_paces"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[OrganizationId]
    # A mail went out lately: until then, what else there is to tell is collected.
    collecting_until: Mapped[datetime | None]
    # When what has been collected is due.
    digest_at: Mapped[datetime | None]


class NotificationDelivery(Tenant, Base):
    """What became of one notice to one user by one channel, and why; the key keeps it from being told twice."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        UniqueConstraint("organization_id", "user_id", "channel", "dedupe_key"),
        one_of("channel", NoticeChannel),
        one_of("state", NoticeState),
        Index("ix_notification_deliveries_user_id", "user_id", "id"),
        Index("ix_notification_deliveries_pending", "user_id", postgresql_where=text("state = 'pending'")),
        Index("ix_notification_deliveries_job_id", "job_id", postgresql_where=text("job_id IS NOT NULL")),
        Index("ix_notification_deliveries_ticket_id", "ticket_id"),
        Index("ix_notification_deliveries_created_at", "created_at"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    channel: Mapped[str]
    dedupe_key: Mapped[str]
    kind: Mapped[str]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    title: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    # As what the user was told: assignee, watchers and so on.
    told_as: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    state: Mapped[str]
    reason: Mapped[str | None]
    # When a pending one is due.
    send_after: Mapped[datetime | None]
    # The mail's job, and the digest it went out with.
    job_id: Mapped[UUID | None]
    digest_id: Mapped[UUID | None]
    sent_at: Mapped[datetime | None]
