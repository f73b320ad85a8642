"""DELIVER_NOTIFICATION: tell the people concerned, each of them once."""

from __future__ import annotations

import structlog

from helpdesk.notifications.commands import deliver
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers

log = structlog.get_logger(__name__)


@handlers.handles(DeliverNotification)
async def deliver_notification(args: DeliverNotification, context: WorkerContext) -> Outcome:
    """Deliver the notice."""
    return await outcome_of(_deliver(args, context))


async def _deliver(notice: DeliverNotification, context: WorkerContext) -> None:
    organization_id = context.organization_id
    async with context.database.transaction(organization_id) as session:
        told = await deliver(
            session, organization_id=organization_id, notice=notice, now=context.now(), settings=context.settings
        )
        await context.complete_in(session)
    for user_id in sorted(told):
        log.info("person_notified", user_id=str(user_id), notice=notice.kind)
