"""Put events up for delivery to the addresses that asked for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import Row, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import WebhookFormat, WebhookState
from helpdesk.models.webhooks import WebhookDelivery, WebhookEndpoint
from helpdesk.notifications.webhooks.chat import slack, teams
from helpdesk.queue.catalog import SendWebhook
from helpdesk.queue.enqueue import enqueue

EVERY_EVENT = "*"
TEST_EVENT = "webhook.test"
# What an address can ask for.
EVENTS = ("ticket.opened", "ticket.assigned", "sla.warning", "sla.breach")

_ENDPOINTS = select(WebhookEndpoint.id, WebhookEndpoint.format)

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
        "team_id": str(ticket.team_id) if ticket.team_id else None,
    }


@dataclass(frozen=True)
class _Occurrence:
    """What is told, in whatever form."""

    event: str
    data: Mapping[str, Any]
    at: datetime
    public_url: str | None

    @property
    def team_id(self) -> UUID | None:
        """Return the team of the ticket it is about."""
        given = self._ticket.get("team_id")
        return UUID(given) if given else None

    def written(self, form: WebhookFormat) -> str:
        """Return the body of the request."""
        return json.dumps(self._as(form), ensure_ascii=False)

    def _as(self, form: WebhookFormat) -> dict[str, Any]:
        match form:
            case WebhookFormat.ATUM:
                return {"type": self.event, "timestamp": self.at.isoformat(), "data": dict(self.data)}
            case WebhookFormat.SLACK:
                return slack(self.event, self.data, link=self._link)
            case WebhookFormat.TEAMS:
                return teams(self.event, self.data, link=self._link)
            case _:
                assert_never(form)

    @property
    def _ticket(self) -> Mapping[str, Any]:
        ticket = self.data.get("ticket")
        return ticket if isinstance(ticket, Mapping) else {}

    @property
    def _link(self) -> str | None:
        number = self._ticket.get("number")
        return f"{self.public_url.rstrip('/')}/tickets/{number}" if self.public_url and number else None


async def publish(
    session: AsyncSession,
    *,
    organization_id: UUID,
    event: str,
    data: Mapping[str, Any],
    now: datetime,
    dedupe_key: str | None = None,
    public_url: str | None = None,
) -> int:
    """Put an event up for delivery, in the session's transaction, to each address that asked for it; return how many.

    One statement where none did. A paused address is passed over, and so is one of another team than the ticket's.

    Args:
        event: one of `EVENTS`.
        data: JSON values; `ticket`, where it is about one, as `ticket_data` returns it.
        now: when it happened (UTC).
        dedupe_key: an address is told once of what has the same key.
        public_url: the address people reach the product at, for links in chat rooms.
    """
    occurrence = _Occurrence(event, data, now, public_url)
    endpoints = await session.execute(
        _ENDPOINTS.where(
            WebhookEndpoint.organization_id == organization_id,
            WebhookEndpoint.state != WebhookState.PAUSED,
            or_(WebhookEndpoint.events.contains([event]), WebhookEndpoint.events.contains([EVERY_EVENT])),
            or_(WebhookEndpoint.team_id.is_(None), WebhookEndpoint.team_id == occurrence.team_id),
        )
    )
    deliveries = await _store(session, organization_id, endpoints.all(), occurrence, dedupe_key=dedupe_key)
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
    public_url: str | None = None,
) -> list[WebhookDelivery]:
    """Store a delivery and its job for each of the addresses, whatever they asked for; one that is gone has none."""
    if not endpoint_ids:
        return []
    endpoints = await session.execute(
        _ENDPOINTS.where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id.in_(endpoint_ids))
    )
    occurrence = _Occurrence(event, data, now, public_url)
    return await _store(session, organization_id, endpoints.all(), occurrence, dedupe_key=dedupe_key)


async def _store(
    session: AsyncSession,
    organization_id: UUID,
    endpoints: Sequence[Row[UUID, str]],
    occurrence: _Occurrence,
    *,
    dedupe_key: str | None,
) -> list[WebhookDelivery]:
    """Write the event down for each address as it will be sent: what is recorded is what was sent, to the byte."""
    if not endpoints:
        return []
    bodies = {form: occurrence.written(WebhookFormat(form)) for _, form in endpoints}
    rows = [
        {
            "id": new_id(),
            "organization_id": organization_id,
            "endpoint_id": endpoint_id,
            "event": occurrence.event,
            "body": bodies[form],
            "dedupe_key": dedupe_key,
            "created_at": occurrence.at,
            "queued_at": occurrence.at,
        }
        for endpoint_id, form in endpoints
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
