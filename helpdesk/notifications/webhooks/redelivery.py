"""Deliver once more what could not be delivered."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.notifications.webhooks.commands import find_webhook, refuse_paused
from helpdesk.queue.catalog import SendWebhook
from helpdesk.queue.enqueue import KeyedJob, enqueue_many

_MOST_AT_ONCE = 1000

# A job may be given up after crashes, without its handler to say so.
_DEAD = text("""
    SELECT d.id
      FROM webhook_deliveries AS d LEFT JOIN job_queue AS j ON j.id = d.job_id
     WHERE d.organization_id = :organization_id AND d.endpoint_id = :webhook_id
       AND (CAST(:since AS timestamptz) IS NULL OR d.created_at >= :since)
       AND (d.state = 'dead_letter' OR d.state = 'pending' AND j.status = 'dead_letter')
     ORDER BY d.id LIMIT :limit
       FOR NO KEY UPDATE OF d
""")
# One statement for all of them.
_QUEUED = text("""
    UPDATE webhook_deliveries AS d SET state = 'pending', queued_at = :now, job_id = queued.job_id
      FROM unnest(CAST(:ids AS uuid[]), CAST(:job_ids AS uuid[])) AS queued (id, job_id)
     WHERE d.organization_id = :organization_id AND d.id = queued.id
""")


async def redeliver_dead_letters(
    session: AsyncSession, *, organization_id: UUID, webhook_id: UUID, since: datetime | None, now: datetime
) -> tuple[int, bool]:
    """Queue an address's dead letters, the oldest first, each with its id; return how many, and whether there are more.

    Args:
        since: only of events since then (UTC); None: all.

    Raises:
        WebhookNotFound, WebhookPaused
    """
    refuse_paused(await find_webhook(session, organization_id=organization_id, webhook_id=webhook_id))
    asked = {
        "organization_id": organization_id,
        "webhook_id": webhook_id,
        "since": since,
        "limit": _MOST_AT_ONCE + 1,
    }
    found = (await session.scalars(_DEAD, asked)).all()
    dead = found[:_MOST_AT_ONCE]
    jobs = [KeyedJob(SendWebhook(delivery_id=delivery_id), str(delivery_id)) for delivery_id in dead]
    job_ids = await enqueue_many(session, jobs, organization_id=organization_id)
    queued = {"organization_id": organization_id, "ids": dead, "job_ids": job_ids, "now": now}
    await session.execute(_QUEUED, queued)
    return len(dead), len(found) > len(dead)
