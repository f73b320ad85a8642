"""APPLY_SLA_ACTION: do what a policy wants when a clock reaches a level."""

from __future__ import annotations

from helpdesk.errors import Invalid
from helpdesk.queue.catalog import ApplySlaAction
from helpdesk.queue.outcomes import Fatal, Outcome
from helpdesk.tickets.escalation import escalate
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(ApplySlaAction)
async def apply_sla_action(args: ApplySlaAction, context: WorkerContext) -> Outcome:
    """Apply the action, or record in the ticket's history why it no longer applies."""
    try:
        return await outcome_of(_escalate(args, context))
    except Invalid as unreadable:
        raise Fatal(unreadable.detail) from unreadable


async def _escalate(order: ApplySlaAction, context: WorkerContext) -> None:
    organization_id = context.organization_id
    async with context.database.transaction(organization_id) as session:
        skipped = await escalate(
            session,
            organization_id=organization_id,
            order=order,
            now=context.now(),
            public_url=context.settings.public_url,
        )
        await context.complete_in(session, result={"applied": skipped is None, "reason": skipped})
