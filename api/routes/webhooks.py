"""Addresses that are told of events; all of it takes the role admin."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, ServicesOfApp, Transaction, Visitor, needs
from api.paging import PageOf, Paging
from api.schemas.webhooks import (
    NewWebhook,
    Redelivery,
    RedeliveryView,
    WebhookChanges,
    WebhookDeliveryView,
    WebhookSecretView,
    WebhookView,
)
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import UserRole
from helpdesk.notifications.webhooks import commands, queries, redelivery
from helpdesk.notifications.webhooks.guard import Guard, check_url

router = APIRouter(tags=["webhooks"], dependencies=[needs(UserRole.ADMIN)])


# Before the transaction opens, since finding a host's addresses can take seconds.
async def _checked_new(new: NewWebhook, services: ServicesOfApp, visitor: Visitor) -> NewWebhook:
    require_role(visitor.role, UserRole.ADMIN)
    url = await check_url(new.url, Guard(services.settings.webhook_allow))
    return new.model_copy(update={"url": url})


async def _checked_changes(changes: WebhookChanges, services: ServicesOfApp, visitor: Visitor) -> WebhookChanges:
    require_role(visitor.role, UserRole.ADMIN)
    if changes.url is None:
        return changes
    url = await check_url(changes.url, Guard(services.settings.webhook_allow))
    return changes.model_copy(update={"url": url})


@router.post("/webhooks", status_code=status.HTTP_201_CREATED, summary="Make a webhook")
async def create_webhook(
    new: Annotated[NewWebhook, Depends(_checked_new)],
    response: Response,
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> WebhookSecretView:
    """Have an address told of events. The secret that signs the requests is shown in this answer only."""
    made = await commands.create_webhook(session, organization_id=user.organization_id, now=now, **new.model_dump())
    response.headers["Location"] = f"/api/v1/webhooks/{made.id}"
    return WebhookSecretView.model_validate(made)


@router.get("/webhooks", summary="List webhooks", dependencies=[FROM_REPLICA])
async def list_webhooks(session: ReadSession, user: CurrentUser, page: Paging) -> PageOf[WebhookView]:
    """Read the addresses that are told of events, and how they fare."""
    rows = await queries.list_webhooks(
        session, organization_id=user.organization_id, after=page.after_id(), limit=page.look_ahead
    )
    return page.of(rows, WebhookView.model_validate, lambda row: (row.id,))


@router.get("/webhooks/{webhook_id}", summary="Read a webhook")
async def read_webhook(webhook_id: UUID, session: ReadSession, user: CurrentUser) -> WebhookView:
    """Read one address and how it fares."""
    found = await queries.get_webhook(session, organization_id=user.organization_id, webhook_id=webhook_id)
    return WebhookView.model_validate(found)


@router.patch("/webhooks/{webhook_id}", summary="Change a webhook")
async def update_webhook(
    webhook_id: UUID,
    changes: Annotated[WebhookChanges, Depends(_checked_changes)],
    session: Transaction,
    user: CurrentUser,
    now: Now,
) -> WebhookView:
    """Change an address, what it is told of, or pause it.

    What is due while it is paused is not delivered later; what is queued already keeps the format it was written in.
    """
    given = changes.model_dump(exclude_unset=True)
    changed = await commands.update_webhook(
        session,
        organization_id=user.organization_id,
        webhook_id=webhook_id,
        changes={name: value for name, value in given.items() if value is not None or name == "team_id"},
        now=now,
    )
    return WebhookView.model_validate(changed)


@router.delete("/webhooks/{webhook_id}", status_code=status.HTTP_204_NO_CONTENT, summary="Remove a webhook")
async def delete_webhook(webhook_id: UUID, session: Transaction, user: CurrentUser) -> None:
    """Remove an address with the record of its deliveries; what waits is not delivered."""
    await commands.delete_webhook(session, organization_id=user.organization_id, webhook_id=webhook_id)


@router.post("/webhooks/{webhook_id}/test", status_code=status.HTTP_202_ACCEPTED, summary="Test a webhook")
async def send_test(webhook_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> WebhookDeliveryView:
    """Send the event `webhook.test`; the list of deliveries tells what came of it."""
    delivery = await commands.send_test(session, organization_id=user.organization_id, webhook_id=webhook_id, now=now)
    return WebhookDeliveryView.model_validate(delivery)


@router.post("/webhooks/{webhook_id}/rotate-secret", summary="Give a webhook a new secret")
async def rotate_secret(webhook_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> WebhookSecretView:
    """Make a new secret. For a day requests carry a signature by the old one as well."""
    changed = await commands.rotate_secret(
        session, organization_id=user.organization_id, webhook_id=webhook_id, now=now
    )
    return WebhookSecretView.model_validate(changed)


@router.post(
    "/webhooks/{webhook_id}/redeliver", status_code=status.HTTP_202_ACCEPTED, summary="Deliver dead letters once more"
)
async def redeliver_dead_letters(
    webhook_id: UUID, which: Redelivery, session: Transaction, user: CurrentUser, now: Now
) -> RedeliveryView:
    """Queue what could not be delivered to an address, the oldest first, each under its id; at most 1000 at once."""
    queued, more = await redelivery.redeliver_dead_letters(
        session, organization_id=user.organization_id, webhook_id=webhook_id, since=which.since, now=now
    )
    return RedeliveryView(queued=queued, more=more)


@router.get("/webhooks/{webhook_id}/deliveries", summary="List a webhook's deliveries", dependencies=[FROM_REPLICA])
async def list_deliveries(
    webhook_id: UUID, session: ReadSession, user: CurrentUser, page: Paging
) -> PageOf[WebhookDeliveryView]:
    """Read what was or will be sent to an address, the newest first."""
    rows = await queries.list_deliveries(
        session,
        organization_id=user.organization_id,
        webhook_id=webhook_id,
        before=page.after_id(),
        limit=page.look_ahead,
    )
    return page.of(rows, WebhookDeliveryView.model_validate, lambda row: (row.id,))


@router.post(
    "/webhook-deliveries/{delivery_id}/redeliver", status_code=status.HTTP_202_ACCEPTED, summary="Deliver once more"
)
async def redeliver(delivery_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> WebhookDeliveryView:
    """Send an event again, under the same id, whatever became of it."""
    delivery = await commands.redeliver(session, organization_id=user.organization_id, delivery_id=delivery_id, now=now)
    return WebhookDeliveryView.model_validate(delivery)
