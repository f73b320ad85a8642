"""SLA_PREDICT: estimate how likely the ticket's clocks are to breach."""

from __future__ import annotations

from helpdesk.queue.catalog import SlaPredict
from helpdesk.queue.outcomes import Outcome
from helpdesk.sla.prediction.commands import predict_breaches
from helpdesk.sla.prediction.surroundings import RECENT
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(SlaPredict)
async def predict(args: SlaPredict, context: WorkerContext) -> Outcome:
    """Predict the ticket's breaches."""
    return await outcome_of(
        predict_breaches(
            context.database,
            organization_id=context.organization_id,
            ticket_id=args.ticket_id,
            now=context.now(),
            complete=context.complete_in,
            recent=RECENT,
        )
    )
