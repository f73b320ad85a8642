"""Find attachments."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.attachments import Attachment
from helpdesk.models.values import ThumbnailState


class AttachmentNotFound(NotFound):
    """There is no such attachment."""


class NoThumbnail(NotFound):
    """The attachment has no thumbnail."""


async def get_attachment(session: AsyncSession, *, organization_id: UUID, attachment_id: UUID) -> Attachment:
    """Return an attachment; raise AttachmentNotFound."""
    found = await session.get(Attachment, attachment_id)
    if found is None or found.organization_id != organization_id:
        raise AttachmentNotFound
    return found


async def list_attachments(session: AsyncSession, *, organization_id: UUID, ticket_id: UUID) -> Sequence[Attachment]:
    """Return the attachments of a ticket, in the order they came."""
    rows = await session.scalars(
        select(Attachment)
        .where(Attachment.organization_id == organization_id, Attachment.ticket_id == ticket_id)
        .order_by(Attachment.created_at, Attachment.id)
    )
    return rows.all()


def thumbnail_name_of(attachment: Attachment) -> str:
    """Return the name in storage of an attachment's thumbnail; raise NoThumbnail."""
    match ThumbnailState(attachment.thumbnail_state):
        case ThumbnailState.READY if attachment.thumbnail_name is not None:
            return attachment.thumbnail_name
        case ThumbnailState.WAITING:
            raise NoThumbnail("The thumbnail is still to be made; ask again in a moment.", state="waiting")
        case ThumbnailState.UNFIT:
            raise NoThumbnail("No thumbnail can be made of this file.", state="unfit")
        case _:
            raise NoThumbnail("A file of this type has no thumbnail.", state="none")
