"""LINK_SIMILAR_TICKETS: compare an organisation's tickets with each other anew."""

from __future__ import annotations

from typing import Any

from helpdesk.queue.catalog import LinkSimilarTickets
from helpdesk.queue.outcomes import Outcome
from helpdesk.rag.graph.refreshing import link_similar_tickets
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(LinkSimilarTickets)
async def link_similar(_args: LinkSimilarTickets, context: WorkerContext) -> Outcome:
    """Join alike tickets in the graph, or go on where an earlier run ended."""
    return await outcome_of(_link(context))


async def _link(context: WorkerContext) -> None:
    async def keep(checkpoint: dict[str, Any], percent: float) -> None:
        message = f"{checkpoint['done']} tickets compared"
        await context.keep_checkpoint(checkpoint, percent=percent, message=message)

    await link_similar_tickets(
        context.database,
        organization_id=context.organization_id,
        checkpoint=await context.earlier_checkpoint(),
        keep=keep,
        complete=lambda session, result: context.complete_in(session, result=result),
        now=context.now(),
    )
