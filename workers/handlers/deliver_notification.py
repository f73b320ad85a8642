"""DELIVER_NOTIFICATION: tell the people concerned, each of them once."""

from __future__ import annotations

from helpdesk.notifications.commands import deliver
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(DeliverNotification)
async def deliver_notification(args: DeliverNotification, context: WorkerContext) -> Outcome:
    """Deliver the notice."""
    return await outcome_of(_deliver(args, context))


async def _deliver(notice: DeliverNotification, context: WorkerContext) -> None:
    organization_id = context.organization_id
    async with context.database.transaction(organization_id) as session:
        await deliver(
            session, organization_id=organization_id, notice=notice, now=context.now(), settings=context.settings
        )
        await context.complete_in(session)
