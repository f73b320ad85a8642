"""MAKE_THUMBNAIL: make the small picture of an attachment."""

from __future__ import annotations

from helpdesk.attachments.thumbnails import make_thumbnail
from helpdesk.queue.catalog import MakeThumbnail
from helpdesk.queue.outcomes import Outcome
from helpdesk.storage import Storage
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(MakeThumbnail)
async def make(args: MakeThumbnail, context: WorkerContext) -> Outcome:
    """Make the thumbnail; a picture that cannot be read is noted as unfit, and the job is done."""
    return await outcome_of(
        make_thumbnail(
            context.database,
            Storage(context.settings),
            organization_id=context.organization_id,
            attachment_id=args.attachment_id,
            in_thread=context.in_thread,
            complete=context.complete_in,
        )
    )
