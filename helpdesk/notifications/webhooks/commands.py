"""Make, change and remove the addresses that are told of events; every URL given here has passed `check_url`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import Conflict, Invalid, NotFound
from helpdesk.models.accounts import Team
from helpdesk.models.values import DeliveryState, WebhookFormat, WebhookState
from helpdesk.models.webhooks import WebhookDelivery, WebhookEndpoint
from helpdesk.notifications.webhooks.publishing import EVENTS, EVERY_EVENT, TEST_EVENT, put_up, queue_delivery
from helpdesk.notifications.webhooks.signing import new_secret

# Receivers take both signatures for so long.
OVERLAP = timedelta(hours=24)
_MOST_ENDPOINTS = 50


class WebhookNotFound(NotFound):
    """There is no such webhook."""


class WebhookDeliveryNotFound(NotFound):
    """There is no such delivery."""


class UnknownEvent(Invalid):
    """There is no such event."""


class UnknownTeam(Invalid):
    """There is no such team."""


class TooManyWebhooks(Conflict):
    """The organisation has as many webhooks as it may have."""


class WebhookPaused(Conflict):
    """The webhook is paused."""


async def create_webhook(
    session: AsyncSession,
    *,
    organization_id: UUID,
    url: str,
    events: Sequence[str],
    now: datetime,
    description: str = "",
    format: WebhookFormat = WebhookFormat.ATUM,  # noqa: A002 (the column's name)
    team_id: UUID | None = None,
) -> WebhookEndpoint:
    """Have an address told of events; the row has the secret, which is to be shown this once.

    Args:
        format: in whose form.
        team_id: only of what happens to tickets of this team; None: to any.

    Raises:
        UnknownEvent, UnknownTeam, TooManyWebhooks
    """
    await _refuse_unknown_team(session, organization_id=organization_id, team_id=team_id)
    known = select(WebhookEndpoint.id).where(WebhookEndpoint.organization_id == organization_id)
    if len((await session.scalars(known)).all()) >= _MOST_ENDPOINTS:
        raise TooManyWebhooks(f"An organisation has at most {_MOST_ENDPOINTS} webhooks.")
    endpoint = WebhookEndpoint(
        id=new_id(),
        organization_id=organization_id,
        url=url,
        description=description,
        events=_known_events(events),
        format=format,
        team_id=team_id,
        secret=new_secret(),
        created_at=now,
        updated_at=now,
    )
    session.add(endpoint)
    await session.flush()
    await session.refresh(endpoint)
    return endpoint


async def update_webhook(
    session: AsyncSession, *, organization_id: UUID, webhook_id: UUID, changes: Mapping[str, Any], now: datetime
) -> WebhookEndpoint:
    """Change `url`, `events`, `description`, `format`, `team_id` or `paused`, as far as given.

    What is queued already is sent as it was written. Going on after a pause begins afresh.

    Raises:
        WebhookNotFound, UnknownEvent, UnknownTeam
    """
    endpoint = await find_webhook(session, organization_id=organization_id, webhook_id=webhook_id)
    if "events" in changes:
        endpoint.events = _known_events(changes["events"])
    if "team_id" in changes:
        await _refuse_unknown_team(session, organization_id=organization_id, team_id=changes["team_id"])
    for name in ("url", "description", "format", "team_id"):
        if name in changes:
            setattr(endpoint, name, changes[name])
    if changes.get("paused") is True:
        endpoint.state, endpoint.state_reason, endpoint.retry_at = WebhookState.PAUSED, "paused on request", None
    elif changes.get("paused") is False or ("url" in changes and endpoint.state == WebhookState.FAILING):
        endpoint.state, endpoint.state_reason, endpoint.retry_at = WebhookState.ACTIVE, None, None
        endpoint.failures, endpoint.failing_since = 0, None
    endpoint.updated_at = now
    await session.flush()
    return endpoint


async def delete_webhook(session: AsyncSession, *, organization_id: UUID, webhook_id: UUID) -> None:
    """Remove an address with the record of its deliveries; raise WebhookNotFound."""
    await session.delete(await find_webhook(session, organization_id=organization_id, webhook_id=webhook_id))


async def rotate_secret(
    session: AsyncSession, *, organization_id: UUID, webhook_id: UUID, now: datetime
) -> WebhookEndpoint:
    """Give an address a new secret; for a day requests are signed with the old one as well; raise WebhookNotFound."""
    endpoint = await find_webhook(session, organization_id=organization_id, webhook_id=webhook_id)
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, now + OVERLAP
    endpoint.secret = new_secret()
    endpoint.updated_at = now
    await session.flush()
    return endpoint


async def send_test(
    session: AsyncSession, *, organization_id: UUID, webhook_id: UUID, now: datetime
) -> WebhookDelivery:
    """Queue an event that says nothing, to see whether it arrives.

    Raises:
        WebhookNotFound, WebhookPaused
    """
    endpoint = await find_webhook(session, organization_id=organization_id, webhook_id=webhook_id)
    refuse_paused(endpoint)
    (delivery,) = await put_up(
        session,
        organization_id=organization_id,
        endpoint_ids=[endpoint.id],
        event=TEST_EVENT,
        data={"webhook_id": str(endpoint.id)},
        now=now,
    )
    return delivery


async def redeliver(
    session: AsyncSession, *, organization_id: UUID, delivery_id: UUID, now: datetime
) -> WebhookDelivery:
    """Queue a delivery once more, with the same id, whatever became of it; one that waits already is left alone.

    Raises:
        WebhookDeliveryNotFound, WebhookPaused
    """
    delivery = await session.scalar(
        select(WebhookDelivery)
        .where(WebhookDelivery.organization_id == organization_id, WebhookDelivery.id == delivery_id)
        .with_for_update(key_share=True)
    )
    if delivery is None:
        raise WebhookDeliveryNotFound
    refuse_paused(await find_webhook(session, organization_id=organization_id, webhook_id=delivery.endpoint_id))
    delivery.state, delivery.queued_at = DeliveryState.PENDING, now
    await queue_delivery(session, delivery)
    return delivery


async def find_webhook(session: AsyncSession, *, organization_id: UUID, webhook_id: UUID) -> WebhookEndpoint:
    """Return an address and lock its row; raise WebhookNotFound."""
    endpoint = await session.scalar(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.organization_id == organization_id, WebhookEndpoint.id == webhook_id)
        .with_for_update(key_share=True)
    )
    if endpoint is None:
        raise WebhookNotFound
    return endpoint


def refuse_paused(endpoint: WebhookEndpoint) -> None:
    """Raise WebhookPaused when an address is not to be told of anything."""
    if endpoint.state == WebhookState.PAUSED:
        raise WebhookPaused(f"The webhook is paused ({endpoint.state_reason}); have it go on first.")


async def _refuse_unknown_team(session: AsyncSession, *, organization_id: UUID, team_id: UUID | None) -> None:
    known = select(Team.id).where(Team.organization_id == organization_id, Team.id == team_id)
    if team_id is not None and await session.scalar(known) is None:
        raise UnknownTeam


def _known_events(events: Sequence[str]) -> list[str]:
    unknown = sorted(set(events) - {*EVENTS, EVERY_EVENT})
    if unknown:
        raise UnknownEvent(f"There is no event {unknown[0]!r}; known are {', '.join(EVENTS)}, and * for all.")
    return list(dict.fromkeys(events))
