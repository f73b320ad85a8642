"""What people said about whether a source answers a query; the ranking of an organisation learns from it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Tenant, one_of
from helpdesk.models.values import SourceType

JUDGEMENT_ORIGINS = ("feedback", "citation", "golden")


class Judgement(Tenant, Base):
    """One verdict on one source for one query or ticket; said again by the same person it replaces the earlier one."""

    __tablename__ = "rag_judgements"
    __table_args__ = (
        Index(
            "uq_rag_judgements_verdict",
            "organization_id",
            "asked",
            "source_type",
            "source_id",
            "origin",
            "user_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_rag_judgements_organization_id", "organization_id", "created_at"),
        one_of("source_type", SourceType),
        one_of("origin", JUDGEMENT_ORIGINS),
    )

    # The words that were searched by, without addresses and numbers of people.
    query: Mapped[str]
    # What makes a query the same one: its ticket, or else its words.
    asked: Mapped[bytes]
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    source_type: Mapped[str]
    source_id: Mapped[UUID]
    relevant: Mapped[bool]
    origin: Mapped[str]
    # A verdict goes with the account that gave it.
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
