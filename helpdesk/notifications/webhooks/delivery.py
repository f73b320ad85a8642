"""Try one delivery, and keep what came of it.

At least once: when a worker dies between the receiver's answer and its record, the delivery is tried again with the
same `webhook-id`, by which the receiver can tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import Conflict, HelpdeskError
from helpdesk.models.values import DeliveryState, WebhookState
from helpdesk.models.webhooks import WebhookDelivery, WebhookEndpoint
from helpdesk.notifications.webhooks.commands import WebhookDeliveryNotFound
from helpdesk.notifications.webhooks.retry_after import retry_after
from helpdesk.notifications.webhooks.signing import Answer, WebhookCaller, signed_headers

Complete = Callable[[AsyncSession], Awaitable[None]]

# Failures in a row after which an address is left alone, at first for half a minute, in the end for an hour.
_BREAKS_AFTER = 5
_FIRST_REST_S = 30.0
_LONGEST_REST_S = 3600.0
_LARGEST_EXPONENT = 10
_SAY_WHEN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# Waiting for a failing address uses up no try, so age has to end it.
_GIVEN_UP_AFTER = timedelta(hours=72)

# Whoever moves the moment on makes the one request that finds out; the others wait for the next moment.
_TAKE_PROBE = text("""
    UPDATE webhook_endpoints SET retry_at = :next
     WHERE organization_id = :organization_id AND id = :id AND retry_at <= :now
    RETURNING id
""")
# Not at each success, so that deliveries to one address do not queue for its row; and only what was begun after the
# last failure shows that the address is back.
_WELL = text("""
    UPDATE webhook_endpoints
       SET failures = 0, failing_since = NULL, retry_at = NULL, last_success_at = :now,
           state = CASE state WHEN 'failing' THEN 'active' ELSE state END,
           state_reason = CASE state WHEN 'failing' THEN NULL ELSE state_reason END
     WHERE organization_id = :organization_id AND id = :id
       AND (last_failure_at IS NULL OR last_failure_at < :began)
       AND (failures > 0 OR state = 'failing' OR last_success_at IS NULL
            OR last_success_at < CAST(:now AS timestamptz) - interval '1 minute')
""")


class WebhookNotDelivered(HelpdeskError):
    """The receiver did not accept the event."""


class WebhookGivenUp(HelpdeskError):
    """The event could not be delivered in three days."""


class WebhookResting(HelpdeskError):
    """The receiver has failed several times and is left alone for a while."""


class WebhookGone(Conflict):
    """The webhook does not want this any more."""


@dataclass(frozen=True)
class _Request:
    endpoint_id: UUID
    url: str
    body: bytes
    keys: list[str]


async def deliver_webhook(
    database: Database,
    caller: WebhookCaller,
    *,
    organization_id: UUID,
    delivery_id: UUID,
    last_try: bool,
    now: Callable[[], datetime],
    complete: Complete,
) -> None:
    """Post an event to its address; `complete` is called in the transaction that records the success.

    Args:
        last_try: whether a failure is the last one, and so sets the delivery aside.

    Raises:
        WebhookDeliveryNotFound, WebhookGone: nobody wants it any more.
        WebhookResting: not now; `context["seconds"]` tells when.
        WebhookNotDelivered: try again later.
        WebhookGivenUp: do not.
    """
    async with database.transaction(organization_id) as session:
        request = await _prepare(session, organization_id=organization_id, delivery_id=delivery_id, now=now())
    if isinstance(request, HelpdeskError):
        raise request
    if request is None:
        async with database.transaction(organization_id) as session:
            return await complete(session)
    began = now()
    headers = signed_headers(request.keys, message_id=str(delivery_id), body=request.body, now=began)
    answer = await caller.post(request.url, headers=headers, body=request.body)
    async with database.transaction(organization_id) as session:
        delivery = await _record(session, delivery_id=delivery_id, answer=answer, last_try=last_try, now=now())
        if answer.error is None:
            values = {"organization_id": organization_id, "id": request.endpoint_id, "now": now(), "began": began}
            await session.execute(_WELL, values)
            return await complete(session)
        await _count_failure(session, request.endpoint_id, answer, now=now())
    if delivery is None or answer.status == HTTPStatus.GONE:
        raise WebhookGone("The receiver says that the address is gone; the webhook is paused.")
    raise WebhookNotDelivered(f"The receiver did not accept the event: {answer.error}.")


async def _prepare(
    session: AsyncSession, *, organization_id: UUID, delivery_id: UUID, now: datetime
) -> _Request | HelpdeskError | None:
    """Return what to send, why not to, or None when it has been delivered; a refusal is kept, hence not raised."""
    found = (
        await session.execute(
            select(WebhookDelivery, WebhookEndpoint)
            .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
            .where(WebhookDelivery.organization_id == organization_id, WebhookDelivery.id == delivery_id)
        )
    ).one_or_none()
    if found is None:
        return WebhookDeliveryNotFound("The webhook of this delivery is gone.")
    delivery, endpoint = found
    if delivery.state == DeliveryState.DELIVERED:
        return None
    if endpoint.state == WebhookState.PAUSED:
        delivery.state = DeliveryState.CANCELLED
        return WebhookGone(f"The webhook is paused: {endpoint.state_reason}.")
    if now - delivery.queued_at > _GIVEN_UP_AFTER:
        delivery.state = DeliveryState.DEAD_LETTER
        return WebhookGivenUp(f"The event could not be delivered in three days: {delivery.last_error}.")
    if endpoint.state == WebhookState.FAILING and not await _may_probe(session, endpoint, now=now):
        wait = ((endpoint.retry_at or now) - now).total_seconds()
        return WebhookResting(seconds=max(wait, 1.0))
    keys = [endpoint.secret]
    if endpoint.old_secret and endpoint.old_secret_until and endpoint.old_secret_until > now:
        keys.append(endpoint.old_secret)
    return _Request(endpoint.id, endpoint.url, delivery.body.encode(), keys)


async def _may_probe(session: AsyncSession, endpoint: WebhookEndpoint, *, now: datetime) -> bool:
    values = {
        "organization_id": endpoint.organization_id,
        "id": endpoint.id,
        "now": now,
        "next": now + timedelta(seconds=_rest_s(endpoint.failures)),
    }
    return (await session.execute(_TAKE_PROBE, values)).first() is not None


async def _record(
    session: AsyncSession, *, delivery_id: UUID, answer: Answer, last_try: bool, now: datetime
) -> WebhookDelivery | None:
    delivery = await session.get(WebhookDelivery, delivery_id, with_for_update={"key_share": True})
    if delivery is None:
        return None
    delivery.attempts += 1
    delivery.last_status = answer.status
    delivery.last_error = answer.error
    delivery.response_excerpt = answer.excerpt
    if answer.error is None:
        delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, now
    elif answer.status == HTTPStatus.GONE:
        delivery.state = DeliveryState.CANCELLED
    elif last_try:
        delivery.state = DeliveryState.DEAD_LETTER
    return delivery


async def _count_failure(session: AsyncSession, endpoint_id: UUID, answer: Answer, *, now: datetime) -> None:
    endpoint = await session.get(WebhookEndpoint, endpoint_id, with_for_update={"key_share": True})
    if endpoint is None:
        return
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.last_failure_at = now
    if answer.status == HTTPStatus.GONE:
        endpoint.state, endpoint.state_reason = WebhookState.PAUSED, "the receiver answered 410 Gone"
    elif endpoint.state != WebhookState.PAUSED and (rest := _rest(endpoint.failures, answer, now=now)) is not None:
        endpoint.state, endpoint.state_reason = WebhookState.FAILING, answer.error
        endpoint.retry_at = max(now + rest, endpoint.retry_at or now)


def _rest(failures: int, answer: Answer, *, now: datetime) -> timedelta | None:
    """Return how long an address is left alone, None when it may be asked at once.

    One that says when it wants to be asked again is asked then, and after many failures later than that.
    """
    asked = retry_after(answer.retry_after, now=now) if answer.status in _SAY_WHEN else None
    own = timedelta(seconds=_rest_s(failures)) if failures >= _BREAKS_AFTER else None
    return max((rest for rest in (asked, own) if rest), default=None)


def _rest_s(failures: int) -> float:
    """Return how long an address is left alone: twice as long after each further failure."""
    doubled = min(max(failures - _BREAKS_AFTER, 0), _LARGEST_EXPONENT)
    return float(min(_LONGEST_REST_S, _FIRST_REST_S * 2.0**doubled))
