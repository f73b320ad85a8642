"""KB_SUGGEST: find the articles that answer a ticket."""

from __future__ import annotations

from helpdesk.kb.suggestions.suggesting import suggest_articles
from helpdesk.queue.catalog import KbSuggest
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(KbSuggest)
async def suggest(args: KbSuggest, context: WorkerContext) -> Outcome:
    """Suggest articles for the ticket."""
    return await outcome_of(
        suggest_articles(
            context.database,
            context.models,
            organization_id=context.organization_id,
            ticket_id=args.ticket_id,
            now=context.now(),
            complete=context.complete_in,
            asked_at=context.job.created_at,
            wanted_precision=context.settings.kb_wanted_precision,
        )
    )
