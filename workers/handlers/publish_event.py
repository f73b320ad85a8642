"""PUBLISH_EVENT: put an event up for delivery to those who asked for it."""

from __future__ import annotations

from helpdesk.notifications.webhooks.publishing import publish
from helpdesk.queue.catalog import PublishEvent
from helpdesk.queue.outcomes import Completed, Outcome
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(PublishEvent)
async def publish_event(args: PublishEvent, context: WorkerContext) -> Outcome:
    """Publish the event as of when it was recorded."""
    async with context.database.transaction(context.organization_id) as session:
        await publish(
            session,
            organization_id=context.organization_id,
            event=args.event,
            data=args.data,
            dedupe_key=args.dedupe_key,
            now=context.job.created_at,
            public_url=context.settings.public_url,
        )
        await context.complete_in(session)
    return Completed()
