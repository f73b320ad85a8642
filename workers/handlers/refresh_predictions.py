"""REFRESH_PREDICTIONS: predict anew the clocks whose prediction is out of date."""

from __future__ import annotations

from helpdesk.queue.catalog import RefreshPredictions
from helpdesk.queue.outcomes import Outcome
from helpdesk.sla.prediction.commands import predict_due
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers

# Of 200 clocks each; the next run goes on where this one ends.
_MOST_ROUNDS = 50


@handlers.handles(RefreshPredictions)
async def refresh_predictions(_args: RefreshPredictions, context: WorkerContext) -> Outcome:
    """Predict what is due, in short transactions, up to a bound."""
    return await outcome_of(_refresh(context))


async def _refresh(context: WorkerContext) -> None:
    total, more, now = 0, True, context.now()
    for number in range(1, _MOST_ROUNDS + 1):
        async with context.database.transaction(context.organization_id) as session:
            made = await predict_due(session, organization_id=context.organization_id, now=now)
            total += made
            more = made > 0 and number < _MOST_ROUNDS
            if not more:
                await context.complete_in(session, result={"predicted": total})
                return
