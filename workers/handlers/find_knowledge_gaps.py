"""FIND_KNOWLEDGE_GAPS: put the questions together that nothing answered."""

from __future__ import annotations

from helpdesk.kb.gaps.finding import find_gaps
from helpdesk.queue.catalog import FindKnowledgeGaps
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(FindKnowledgeGaps)
async def find_knowledge_gaps(args: FindKnowledgeGaps, context: WorkerContext) -> Outcome:
    """Bring the organisation's list of gaps up to date."""
    return await outcome_of(
        find_gaps(
            context.database,
            context.models.embedder,
            organization_id=context.organization_id,
            days=args.days or context.settings.kb_gap_days,
            now=context.now(),
            complete=context.complete_in,
            tell=context.progress,
        )
    )
