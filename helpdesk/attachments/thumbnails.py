"""Make an attachment's thumbnail: read the row, render without a transaction, note what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.attachments.media import PICTURES
from helpdesk.attachments.queries import get_attachment
from helpdesk.attachments.receiving import FOLDER
from helpdesk.attachments.rendering import Rendered, UnfitPicture, render
from helpdesk.database.engine import Database
from helpdesk.models.values import ThumbnailState
from helpdesk.storage import Storage

THUMBNAILS = "thumbnails"

log = structlog.get_logger(__name__)

# Runs a blocking function with its arguments away from the event loop, and returns what it returns.
InThread = Callable[..., Awaitable[Any]]


async def make_thumbnail(
    database: Database,
    storage: Storage,
    *,
    organization_id: UUID,
    attachment_id: UUID,
    in_thread: InThread,
    complete: Callable[[AsyncSession], Awaitable[None]],
) -> ThumbnailState:
    """Make the thumbnail of an attachment, or note that there is none to be had; again gives the same file.

    Args:
        complete: completes the job in the transaction that notes the outcome.

    Raises:
        AttachmentNotFound: it was taken off its ticket.
    """
    async with database.transaction(organization_id) as session:
        attachment = await get_attachment(session, organization_id=organization_id, attachment_id=attachment_id)
    rendered: Rendered | None = None
    name = f"{attachment.storage_name}.webp"
    if attachment.media_type in PICTURES:
        rendered = await in_thread(_render_or_none, storage, organization_id, attachment.storage_name, name)
    async with database.transaction(organization_id) as session:
        attachment = await get_attachment(session, organization_id=organization_id, attachment_id=attachment_id)
        if rendered is not None:
            attachment.width, attachment.height = rendered.width, rendered.height
            attachment.thumbnail_name, attachment.thumbnail_state = name, ThumbnailState.READY
        else:
            attachment.thumbnail_name, attachment.thumbnail_state = None, ThumbnailState.UNFIT
        state = ThumbnailState(attachment.thumbnail_state)
        await complete(session)
    return state


def _render_or_none(storage: Storage, organization_id: UUID, source: str, target: str) -> Rendered | None:
    try:
        return render(
            storage.path(FOLDER, organization_id, source),
            storage.path(THUMBNAILS, organization_id, target),
            storage=storage,
        )
    except UnfitPicture as unfit:
        log.warning("picture_unfit", file=source, reason=unfit.detail)
        return None
