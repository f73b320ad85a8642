"""REFRESH_PREDICTIONS: predict anew the clocks whose prediction is out of date."""

from __future__ import annotations

from typing import Any

from helpdesk.queue.catalog import RefreshPredictions
from helpdesk.queue.outcomes import Outcome
from helpdesk.sla.prediction.commands import is_any_due, predict_due
from helpdesk.sla.prediction.surroundings import RECENT
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
    scope: dict[str, Any] = {"organization_id": context.organization_id, "now": context.now()}
    async with context.database.transaction(context.organization_id) as session:
        if not await is_any_due(session, **scope):
            await context.complete_in(session, result={"predicted": 0})
            return
    # Once for all rounds, and before any ticket is locked.
    around = await RECENT.at(context.database, **scope)
    total = 0
    for number in range(1, _MOST_ROUNDS + 1):
        async with context.database.transaction(context.organization_id) as session:
            done = await predict_due(session, **scope, around=around)
            total += done.made
            # A round that only put clocks off says nothing of those after them.
            if not done.looked_at or number == _MOST_ROUNDS:
                await context.complete_in(session, result={"predicted": total})
                return
