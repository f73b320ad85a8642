"""Which addresses are told of which events, and at what price."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.notifications.commands import deliver
from helpdesk.notifications.webhooks.commands import TooManyWebhooks, UnknownEvent, create_webhook, update_webhook
from helpdesk.notifications.webhooks.publishing import publish
from helpdesk.notifications.webhooks.queries import list_deliveries
from helpdesk.queue.catalog import CleanUp, DeliverNotification
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.queue.jobs import until, working
from workers.registry import handlers

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


async def hook(database: Database, organization_id: UUID, *events: str) -> UUID:
    async with database.transaction(organization_id) as session:
        made = await create_webhook(
            session, organization_id=organization_id, url="https://example.com/", events=events, now=NOW
        )
        return made.id


async def told(database: Database, organization_id: UUID, webhook_id: UUID) -> list[str]:
    async with database.transaction(organization_id) as session:
        rows = await list_deliveries(session, organization_id=organization_id, webhook_id=webhook_id)
        return [str(row.event) for row in rows]


async def say(database: Database, organization_id: UUID, event: str, *, dedupe_key: str | None = None) -> int:
    async with database.transaction(organization_id) as session:
        return await publish(
            session, organization_id=organization_id, event=event, data={}, now=NOW, dedupe_key=dedupe_key
        )


async def test_an_address_is_told_of_what_it_asked_for_in_its_own_organisation(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    other = new_id()
    async with database.transaction(other) as session:
        session.add(Organization(id=other, slug="other", name="Other"))
    breaches = await hook(database, organization_id, "sla.breach")
    everything = await hook(database, organization_id, "*")
    theirs = await hook(database, other, "*")
    assert await say(database, organization_id, "sla.breach") == 2
    assert await say(database, organization_id, "sla.warning") == 1
    assert await told(database, organization_id, breaches) == ["sla.breach"]
    assert sorted(await told(database, organization_id, everything)) == ["sla.breach", "sla.warning"]
    assert await told(database, other, theirs) == []
    jobs = await connection.fetch("SELECT job_type, priority, organization_id FROM job_queue")
    assert [tuple(job) for job in jobs] == 3 * [("SEND_WEBHOOK", "normal", organization_id)]


async def test_what_has_one_key_is_told_once_and_what_is_rolled_back_never(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    webhook = await hook(database, organization_id, "*")
    assert [await say(database, organization_id, "sla.breach", dedupe_key="a") for _ in range(3)] == [1, 0, 0]
    with pytest.raises(ZeroDivisionError):
        async with database.transaction(organization_id) as session:
            await publish(session, organization_id=organization_id, event="sla.breach", data={}, now=NOW)
            _ = 1 / 0
    assert await told(database, organization_id, webhook) == ["sla.breach"]
    assert len(await connection.fetch("SELECT 1 FROM job_queue")) == 1


async def test_a_breach_is_told_to_people_and_addresses_alike(database: Database, organization_id: UUID) -> None:
    actor = await open_a_desk(database, organization_id)
    webhook = await hook(database, organization_id, "sla.breach")
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=actor, now=NOW, settings=Settings()
        )
    notice = DeliverNotification(
        kind="sla.breach", ticket_id=ticket.id, dedupe_key="clock:1:100", title="#1 is overdue", data={"level": 100}
    )
    for _ in range(2):
        async with database.transaction(organization_id) as session:
            await deliver(session, organization_id=organization_id, notice=notice, now=NOW, settings=Settings())
    async with database.transaction(organization_id) as session:
        (delivery,) = await list_deliveries(session, organization_id=organization_id, webhook_id=webhook)
    for words in ('"type": "sla.breach"', '"title": "#1 is overdue"', '"level": 100', '"subject": "VPN drops"'):
        assert words in delivery.body


async def test_opening_a_ticket_costs_no_statement_for_webhooks_and_a_job_only_where_one_waits_for_it(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    actor = await open_a_desk(database, organization_id)
    statements: Counter[str] = Counter()
    sqlalchemy_event.listen(
        database.engine.sync_engine, "before_cursor_execute", lambda *context: statements.update([context[2]])
    )

    async def opened() -> tuple[int, int]:
        statements.clear()
        async with database.transaction(organization_id) as session:
            await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=actor, now=NOW, settings=Settings()
            )
        jobs = await connection.fetch("SELECT 1 FROM job_queue WHERE job_type = 'PUBLISH_EVENT'")
        return statements.total(), len(jobs)

    await opened()
    without = await opened()
    await hook(database, organization_id, "sla.breach")
    not_asked_for = await opened()
    webhook = await hook(database, organization_id, "ticket.opened")
    asked_for = await opened()
    async with database.transaction(organization_id) as session:
        await update_webhook(
            session, organization_id=organization_id, webhook_id=webhook, changes={"paused": True}, now=NOW
        )
    paused = await opened()
    assert {count for count, _ in (without, not_asked_for, asked_for, paused)} == {without[0]}
    assert [jobs for _, jobs in (without, not_asked_for, asked_for, paused)] == [0, 0, 1, 1]


async def test_there_is_an_end_to_how_many_webhooks_and_which_events_there_are(
    database: Database, organization_id: UUID
) -> None:
    with pytest.raises(UnknownEvent, match=r"ticket\.exploded"):
        await hook(database, organization_id, "sla.breach", "ticket.exploded")
    for _ in range(50):
        await hook(database, organization_id, "*")
    with pytest.raises(TooManyWebhooks):
        await hook(database, organization_id, "*")


async def test_old_deliveries_are_cleaned_up(
    database: Database, organization_id: UUID, settings: Settings, connection: Link
) -> None:
    webhook = await hook(database, organization_id, "*")
    await say(database, organization_id, "sla.breach")
    await say(database, organization_id, "sla.warning")
    async with database.transaction(organization_id) as session:
        await session.execute(
            text("UPDATE webhook_deliveries SET created_at = now(), queued_at = now() WHERE event = 'sla.warning'")
        )
        job = await enqueue(session, CleanUp(), organization_id=organization_id)
    async with working(settings.model_copy(update={"poll_interval": 0.05}), handlers, types=["CLEAN_UP"]):
        done = await until(connection, job, "completed", within_s=20)
    assert '"deliveries": 1' in done["result"]
    assert await told(database, organization_id, webhook) == ["sla.warning"]
