"""FIT_RELEVANCE: fit an organisation's ranking to what its people said about results."""

from __future__ import annotations

from dataclasses import asdict

from helpdesk.queue.catalog import FitRelevance
from helpdesk.queue.outcomes import Outcome
from helpdesk.rag.retrieval.champion import fit_organization
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(FitRelevance)
async def fit_relevance(_args: FitRelevance, context: WorkerContext) -> Outcome:
    """Fit the ranking anew."""
    return await outcome_of(_fit(context))


async def _fit(context: WorkerContext) -> None:
    organization_id = context.organization_id
    report = await fit_organization(
        context.database, context.models.embedder, organization_id=organization_id, now=context.now()
    )
    async with context.database.transaction(organization_id) as session:
        await context.complete_in(session, result=asdict(report))
