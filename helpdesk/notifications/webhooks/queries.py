"""Read the addresses that are told of events, and what became of each telling."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.jobs import Job
from helpdesk.models.values import DeliveryState, JobStatus
from helpdesk.models.webhooks import WebhookDelivery, WebhookEndpoint
from helpdesk.notifications.webhooks.commands import WebhookNotFound

# A job may end without its handler: cancelled by somebody, or given up after crashes.
_STATE = case(
    (WebhookDelivery.state != DeliveryState.PENDING, WebhookDelivery.state),
    (Job.status == JobStatus.DEAD_LETTER, DeliveryState.DEAD_LETTER),
    (Job.status == JobStatus.CANCELLED, DeliveryState.CANCELLED),
    else_=WebhookDelivery.state,
).label("state")
_COLUMNS = (
    WebhookDelivery.id,
    WebhookDelivery.created_at,
    WebhookDelivery.endpoint_id,
    WebhookDelivery.event,
    WebhookDelivery.body,
    _STATE,
    WebhookDelivery.attempts,
    WebhookDelivery.last_status,
    WebhookDelivery.last_error,
    WebhookDelivery.response_excerpt,
    WebhookDelivery.delivered_at,
    WebhookDelivery.job_id,
)


async def list_webhooks(
    session: AsyncSession, *, organization_id: UUID, after: UUID | None = None, limit: int = 50
) -> Sequence[WebhookEndpoint]:
    """Return the addresses, the oldest first; `after` is the id of the last one already seen."""
    statement = select(WebhookEndpoint).where(WebhookEndpoint.organization_id == organization_id)
    if after is not None:
        statement = statement.where(WebhookEndpoint.id > after)
    return (await session.scalars(statement.order_by(WebhookEndpoint.id).limit(limit))).all()


async def get_webhook(session: AsyncSession, *, organization_id: UUID, webhook_id: UUID) -> WebhookEndpoint:
    """Return an address; raise WebhookNotFound."""
    endpoint = await session.scalar(
        select(WebhookEndpoint).where(
            WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == webhook_id
        )
    )
    if endpoint is None:
        raise WebhookNotFound
    return endpoint


async def list_deliveries(
    session: AsyncSession, *, organization_id: UUID, webhook_id: UUID, before: UUID | None = None, limit: int = 50
) -> Sequence[Row[tuple[object, ...]]]:
    """Return what was or will be delivered to an address, the newest first; raise WebhookNotFound.

    Args:
        before: the id of the last one already seen.
    """
    await get_webhook(session, organization_id=organization_id, webhook_id=webhook_id)
    statement = (
        select(*_COLUMNS)
        .outerjoin(Job, Job.id == WebhookDelivery.job_id)
        .where(WebhookDelivery.organization_id == organization_id, WebhookDelivery.endpoint_id == webhook_id)
    )
    if before is not None:
        statement = statement.where(WebhookDelivery.id < before)
    return (await session.execute(statement.order_by(WebhookDelivery.id.desc()).limit(limit))).all()
