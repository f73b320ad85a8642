"""EXTRACT_TEXT: take the text out of an attachment for the search index."""

from __future__ import annotations

from helpdesk.attachments.text.extraction import extract_text
from helpdesk.queue.catalog import ExtractText
from helpdesk.queue.outcomes import Outcome
from helpdesk.storage import Storage
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ExtractText)
async def extract(args: ExtractText, context: WorkerContext) -> Outcome:
    """Take the text out; a file that gives none is noted with the reason, and the job is done."""
    return await outcome_of(
        extract_text(
            context.database,
            Storage(context.settings),
            organization_id=context.organization_id,
            attachment_id=args.attachment_id,
            open_tickets=context.settings.rag_index_on_ticket_create,
            now=context.now(),
            complete=context.complete_in,
        )
    )
