"""What agents asked the index, and how they were answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Tenant, one_of

METHODS = ("model", "extractive", "none")


class AskedQuestion(Tenant, Base):
    """A question with the sentences that answered it and what they cite, or why there was no answer."""

    __tablename__ = "rag_questions"
    __table_args__ = (
        Index("ix_rag_questions_organization_id", "organization_id", "id"),
        Index("ix_rag_questions_organization_id_user_id", "organization_id", "user_id", "id"),
        Index("ix_rag_questions_created_at", "created_at"),
        one_of("method", METHODS),
    )

    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("tickets.id", ondelete="SET NULL"))
    question: Mapped[str]
    # What was searched, where the question alone was not enough.
    searched: Mapped[str]
    scope: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    language: Mapped[str | None]
    sentences: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    sources: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    nearest: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    dropped: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    abstained: Mapped[bool]
    reason: Mapped[str] = mapped_column(server_default="")
    method: Mapped[str]
    degraded: Mapped[bool] = mapped_column(server_default=text("false"))
    model: Mapped[str | None]
    took_ms: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    run_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    helpful: Mapped[bool | None]
    comment: Mapped[str | None]
    judged_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    judged_at: Mapped[datetime | None]
