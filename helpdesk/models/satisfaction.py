"""What customers thought of how they were helped."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Tenant


class SatisfactionLink(Tenant, Base):
    """A link by which somebody without an account may rate a ticket; only the hash of its secret is kept."""

    __tablename__ = "satisfaction_links"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"))
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    secret_hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    # The first answer: from then on it may be changed for some days.
    answered_at: Mapped[datetime | None]


class SatisfactionRating(Tenant, Base):
    """One answer of a customer; a later one on the same ticket supersedes it."""

    __tablename__ = "satisfaction_ratings"
    __table_args__ = (
        Index(
            "uq_satisfaction_ratings_current", "ticket_id", unique=True, postgresql_where=text("superseded_at IS NULL")
        ),
        Index("ix_satisfaction_ratings_organization_id", "organization_id", "created_at"),
        CheckConstraint("score BETWEEN 1 AND 5", name="score"),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"))
    link_id: Mapped[UUID | None] = mapped_column(ForeignKey("satisfaction_links.id", ondelete="SET NULL"))
    score: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str] = mapped_column(server_default="")
    superseded_at: Mapped[datetime | None]
