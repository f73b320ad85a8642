"""TRIAGE_TICKET: suggest category, priority, team and type."""

from __future__ import annotations

from helpdesk.queue.catalog import TriageTicket
from helpdesk.queue.outcomes import Outcome
from helpdesk.triage.deciding.pipeline import triage_ticket
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(TriageTicket)
async def triage(args: TriageTicket, context: WorkerContext) -> Outcome:
    """Triage the ticket."""
    return await outcome_of(
        triage_ticket(
            context.database,
            context.models,
            organization_id=context.organization_id,
            ticket_id=args.ticket_id,
            now=context.now(),
            complete=context.complete_in,
        )
    )
