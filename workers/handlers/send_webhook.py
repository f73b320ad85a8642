"""SEND_WEBHOOK: tell one address of one event."""

from __future__ import annotations

import random

from helpdesk.errors import Conflict, NotFound
from helpdesk.notifications.mail.connections import connections
from helpdesk.notifications.webhooks.delivery import WebhookGivenUp, WebhookResting, deliver_webhook
from helpdesk.queue.catalog import SendWebhook
from helpdesk.queue.outcomes import Cancel, Completed, Fatal, Outcome, Snooze
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(SendWebhook)
async def send_webhook(args: SendWebhook, context: WorkerContext) -> Outcome:
    """Deliver the event, unless its address is left alone for now or does not want it any more."""
    job = context.job
    try:
        await deliver_webhook(
            context.database,
            connections(context.settings).caller,
            organization_id=context.organization_id,
            delivery_id=args.delivery_id,
            last_try=job.retry_count >= job.max_retries,
            now=context.now,
            complete=context.complete_in,
        )
    except WebhookResting as resting:
        # Those that wait for one address do not all come back at the same moment.
        spread = 1 + random.random() / 4  # noqa: S311 (jitter)
        return Snooze(float(resting.context["seconds"]) * spread, resting.detail)
    except (NotFound, Conflict) as refusal:
        return Cancel(refusal.detail)
    except WebhookGivenUp as late:
        raise Fatal(late.detail) from late
    return Completed()
