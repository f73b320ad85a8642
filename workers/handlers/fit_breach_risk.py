"""FIT_BREACH_RISK: fit an organisation's estimate of breaches to its past clocks."""

from __future__ import annotations

from helpdesk.queue.catalog import FitBreachRisk
from helpdesk.queue.outcomes import Outcome
from helpdesk.sla.prediction.learning import Fitting
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(FitBreachRisk)
async def fit_breach_risk(_args: FitBreachRisk, context: WorkerContext) -> Outcome:
    """Fit, and use what was fitted where it is not worse than before."""
    return await outcome_of(_fit(context))


async def _fit(context: WorkerContext) -> None:
    await Fitting(
        database=context.database,
        organization_id=context.organization_id,
        now=context.now(),
        run=context.in_thread,
        tell=context.progress,
        complete=lambda session, result: context.complete_in(session, result=dict(result)),
    ).fit()
