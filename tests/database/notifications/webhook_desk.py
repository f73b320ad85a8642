"""An organisation with a webhook, to test with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.webhooks import WebhookEndpoint
from helpdesk.notifications.webhooks.commands import create_webhook, redeliver, update_webhook
from helpdesk.notifications.webhooks.publishing import publish
from helpdesk.notifications.webhooks.queries import list_deliveries

LOOPBACK = {"webhook_allow": "127.0.0.0/8", "webhook_timeout_s": 0.5}


class Desk:
    """One organisation's webhook, and what a test does with it."""

    def __init__(self, database: Database, organization_id: UUID, endpoint: WebhookEndpoint) -> None:
        self.database, self.organization_id, self.endpoint = database, organization_id, endpoint

    async def publish(self, event: str = "sla.breach", **data: Any) -> Any:
        async with self.database.transaction(self.organization_id) as session:
            told = await publish(
                session, organization_id=self.organization_id, event=event, data=data, now=datetime.now(UTC)
            )
            assert told == 1
        return (await self.deliveries())[0]

    async def deliveries(self) -> list[Any]:
        async with self.database.transaction(self.organization_id) as session:
            return list(
                await list_deliveries(session, organization_id=self.organization_id, webhook_id=self.endpoint.id)
            )

    async def again(self, delivery_id: UUID) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            delivery = await redeliver(
                session, organization_id=self.organization_id, delivery_id=delivery_id, now=datetime.now(UTC)
            )
            assert delivery.job_id is not None
            return delivery.job_id

    async def change(self, **changes: Any) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await update_webhook(
                session,
                organization_id=self.organization_id,
                webhook_id=self.endpoint.id,
                changes=changes,
                now=datetime.now(UTC),
            )

    async def sql(self, statement: str) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await session.execute(text(statement))

    async def state(self) -> WebhookEndpoint:
        async with self.database.transaction(self.organization_id) as session:
            found = await session.get(WebhookEndpoint, self.endpoint.id)
            assert found is not None
            return found


async def make_desk(database: Database, organization_id: UUID, url: str, **changes: Any) -> Desk:
    """Make a webhook for warnings and breaches."""
    async with database.transaction(organization_id) as session:
        endpoint = await create_webhook(
            session,
            organization_id=organization_id,
            url=url,
            now=datetime.now(UTC),
            **{"events": ("sla.breach", "sla.warning")} | changes,
        )
    return Desk(database, organization_id, endpoint)
