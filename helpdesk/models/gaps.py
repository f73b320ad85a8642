"""What people asked and nothing answered, and the gaps of the knowledge base that it points to."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, Integer, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Tenant, one_of
from helpdesk.models.values import GapState, UnansweredOrigin


class Unanswered(Tenant, Base):
    """A question that nothing suitable was found for; asked again within a day, it counts up."""

    __tablename__ = "kb_unanswered"
    __table_args__ = (
        Index(
            "uq_kb_unanswered_text",
            "organization_id",
            "origin",
            "day",
            "text_hash",
            unique=True,
            postgresql_where=sql("origin <> 'ticket'"),
        ),
        Index("uq_kb_unanswered_ticket", "ticket_id", unique=True, postgresql_where=sql("origin = 'ticket'")),
        Index("ix_kb_unanswered_last_at", "last_at"),
        one_of("origin", UnansweredOrigin),
    )

    origin: Mapped[str]
    # Without addresses and numbers of people; of a ticket only to be read beside it.
    text: Mapped[str]
    text_hash: Mapped[bytes]
    day: Mapped[date]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    best_relevance: Mapped[float | None] = mapped_column(Double)
    times: Mapped[int] = mapped_column(Integer, server_default=sql("1"))
    last_at: Mapped[datetime]


class Gap(Tenant, Base):
    """A subject that people ask about and the knowledge base has nothing on."""

    __tablename__ = "kb_gaps"
    __table_args__ = (Index("ix_kb_gaps_organization_id", "organization_id", "state"), one_of("state", GapState))

    label: Mapped[str]
    terms: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=sql("'{}'"))
    state: Mapped[str] = mapped_column(server_default=GapState.OPEN)
    version: Mapped[int] = mapped_column(Integer, server_default=sql("1"))
    updated_at: Mapped[datetime]
    draft_article_id: Mapped[UUID | None] = mapped_column(ForeignKey("kb_articles.id", ondelete="SET NULL"))
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("kb_articles.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(server_default="")
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime | None]


class GapMember(Tenant, Base):
    """One question of a gap: a text that was searched or asked, or a ticket, whose words stay in the ticket."""

    __tablename__ = "kb_gap_members"
    __table_args__ = (
        Index("ix_kb_gap_members_gap_id", "gap_id"),
        Index("uq_kb_gap_members_key", "organization_id", "key", unique=True),
        Index("ix_kb_gap_members_last_at", "last_at"),
        one_of("origin", UnansweredOrigin),
    )

    gap_id: Mapped[UUID] = mapped_column(ForeignKey("kb_gaps.id", ondelete="CASCADE"))
    # What it is known by in the next run: the ticket, or the hash of the words.
    key: Mapped[str]
    origin: Mapped[str]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(server_default="")
    # Place among the questions that show best what the gap is about, from 1; None for the others.
    sample: Mapped[int | None] = mapped_column(Integer)
    times: Mapped[int] = mapped_column(Integer, server_default=sql("1"))
    # How often in the last 30 days, and in the 30 before.
    recent: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    earlier: Mapped[int] = mapped_column(Integer, server_default=sql("0"))
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
