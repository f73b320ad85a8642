"""RETRAIN_TRIAGE: train an organisation's classifier anew where it could learn something."""

from __future__ import annotations

from helpdesk.queue.catalog import RetrainTriage
from helpdesk.queue.outcomes import Outcome
from helpdesk.triage.learning.champion import retrain
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(RetrainTriage)
async def retrain_triage(_args: RetrainTriage, context: WorkerContext) -> Outcome:
    """Train the classifier anew."""
    return await outcome_of(_retrain(context))


async def _retrain(context: WorkerContext) -> None:
    organization_id = context.organization_id
    done = await retrain(context.database, context.models.embedder, organization_id=organization_id, now=context.now())
    result: dict[str, object] = {"outcome": done.outcome, "reason": done.reason}
    if done.classifier is not None:
        result |= {"version": done.version, "examples": done.classifier.examples}
    async with context.database.transaction(organization_id) as session:
        await context.complete_in(session, result=result)
