"""Put events up for delivery to the addresses that asked for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import WebhookState
from helpdesk.models.webhooks import WebhookDelivery, WebhookEndpoint
from helpdesk.queue.catalog import SendWebhook
from helpdesk.queue.enqueue import enqueue

EVERY_EVENT = "*"
TEST_EVENT = "webhook.test"
# What an address can ask for.
EVENTS = ("ticket.opened", "ticket.assigned", "sla.warning", "sla.breach")

# $1 how long they are kept, $2 how many at most; one that was asked for again lately stays.
PRUNE_DELIVERIES = """
DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
    SELECT id FROM webhook_deliveries
     WHERE created_at < now() - $1::interval AND queued_at < now() - $1::interval
     ORDER BY created_at LIMIT $2))
"""


def ticket_data(ticket: Ticket) -> dict[str, Any]:
    """Return what an event tells of its ticket."""
    return {
        "id": str(ticket.id),
        "number": ticket.number,
        "subject": ticket.subject,
        "status": ticket.status,
        "priority": ticket.priority,
        "channel": ticket.channel,
        "assignee_id": str(ticket.assignee_id) if ticket.assignee_id else None,
    }


async def publish(
    session: AsyncSession,
    *,
    organization_id: UUID,
    event: str,
    data: Mapping[str, Any],
    now: datetime,
    dedupe_key: str | None = None,
) -> int:
    """Put an event up for delivery, in the session's transaction, to each address that asked for it; return how many.

    One statement where none did. A paused address is passed over.

    Args:
        event: one of `EVENTS`.
        data: JSON values.
        now: when it happened (UTC).
        dedupe_key: an address is told once of what has the same key.
    """
    endpoints = await session.scalars(
        select(WebhookEndpoint.id).where(
            WebhookEndpoint.organization_id == organization_id,
            WebhookEndpoint.state != WebhookState.PAUSED,
            or_(WebhookEndpoint.events.contains([event]), WebhookEndpoint.events.contains([EVERY_EVENT])),
        )
    )
    deliveries = await put_up(
        session,
        organization_id=organization_id,
        endpoint_ids=endpoints.all(),
        event=event,
        data=data,
        now=now,
        dedupe_key=dedupe_key,
    )
    return len(deliveries)


async def put_up(
    session: AsyncSession,
    *,
    organization_id: UUID,
    endpoint_ids: Sequence[UUID],
    event: str,
    data: Mapping[str, Any],
    now: datetime,
    dedupe_key: str | None = None,
) -> list[WebhookDelivery]:
    """Store a delivery and its job for each of the addresses, whatever they asked for."""
    if not endpoint_ids:
        return []
    body = json.dumps({"type": event, "timestamp": now.isoformat(), "data": dict(data)}, ensure_ascii=False)
    rows = [
        {
            "id": new_id(),
            "organization_id": organization_id,
            "endpoint_id": endpoint_id,
            "event": event,
            "body": body,
            "dedupe_key": dedupe_key,
            "created_at": now,
            "queued_at": now,
        }
        for endpoint_id in endpoint_ids
    ]
    stored = await session.scalars(
        insert(WebhookDelivery).values(rows).on_conflict_do_nothing().returning(WebhookDelivery)
    )
    deliveries = list(stored)
    for delivery in deliveries:
        await queue_delivery(session, delivery)
    return deliveries


async def queue_delivery(session: AsyncSession, delivery: WebhookDelivery) -> None:
    """Queue the job of a delivery, unless it has one that waits or runs."""
    delivery.job_id = await enqueue(
        session,
        SendWebhook(delivery_id=delivery.id),
        organization_id=delivery.organization_id,
        unique_key=str(delivery.id),
    )
    await session.flush()
