"""SMART_REPLY: draft a reply for an agent to check."""

from __future__ import annotations

from helpdesk.queue.catalog import SmartReply
from helpdesk.queue.outcomes import Outcome
from helpdesk.replies.pipeline import draft_reply
from helpdesk.replies.style import Wanted
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(SmartReply)
async def draft(args: SmartReply, context: WorkerContext) -> Outcome:
    """Draft a reply to the ticket."""
    return await outcome_of(
        draft_reply(
            context.database,
            context.models,
            organization_id=context.organization_id,
            ticket_id=args.ticket_id,
            now=context.now(),
            complete=context.complete_in,
            settings=context.settings,
            wanted=Wanted(args.tone, args.length, args.language, args.instruction, args.requested_by),
        )
    )
