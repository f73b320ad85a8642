"""Files that belong to tickets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, OrganizationId, Tenant, one_of
from helpdesk.models.values import TextState, ThumbnailState


class Attachment(Tenant, Base):
    """A file on a ticket; its content lies beside the database, under a name of our own making."""

    __tablename__ = "attachments"
    __table_args__ = (
        Index("ix_attachments_ticket_id", "ticket_id", "created_at", "id"),
        Index("uq_attachments_storage_name", "organization_id", "storage_name", unique=True),
        Index("ix_attachments_unread", "organization_id", "id", postgresql_where=text("text_state = 'waiting'")),
        one_of("thumbnail_state", ThumbnailState),
        one_of("text_state", TextState),
    )

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"))
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"), index=True)
    # As its sender named it, cleaned; the type is what the content shows, never what the sender said.
    name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    storage_name: Mapped[str]
    width: Mapped[int | None] = mapped_column(Integer)
    height: Mapped[int | None] = mapped_column(Integer)
    thumbnail_name: Mapped[str | None]
    thumbnail_state: Mapped[str] = mapped_column(server_default=ThumbnailState.NONE)
    text_state: Mapped[str] = mapped_column(server_default=TextState.NONE)
    # Why there is no text, or not all of it.
    text_reason: Mapped[str | None]
    uploaded_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class AttachmentText(Base):
    """The text that was found in an attachment; kept apart, since lists of attachments do without it."""

    __tablename__ = "attachment_texts"

    attachment_id: Mapped[UUID] = mapped_column(ForeignKey("attachments.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[OrganizationId]
    content: Mapped[str]
    truncated: Mapped[bool] = mapped_column(server_default=text("false"))
    extracted_at: Mapped[datetime]
