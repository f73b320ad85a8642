"""A worker that dies between sending and recording: the second copy can be told by its id."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.notifications.commands import send_email
from helpdesk.notifications.webhooks.commands import create_webhook
from helpdesk.notifications.webhooks.publishing import publish
from helpdesk.queue.link import Link
from tests.database.notifications.http_receiver import HANG, Receiver
from tests.database.notifications.smtp_sink import HOLD, Sink
from tests.database.queue.jobs import row, until
from tests.journeys.processes import Running, start


def worker(database_url: str, log_file: Path, sink: Sink) -> Running:
    environment = {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_DATA_DIR": str(log_file.parent),
        "ATUM_SMTP_URL": sink.url,
        "ATUM_MAIL_FROM": "desk@example.org",
        "ATUM_WEBHOOK_ALLOW": "127.0.0.0/8",
        "ATUM_WEBHOOK_TIMEOUT_S": "50",
        "ATUM_WORKER_QUEUES": "mail,webhooks",
        "ATUM_LEASE_HEARTBEAT_S": "0.3",
        "ATUM_LEASE_TIMEOUT_S": "2",
        "ATUM_POLL_INTERVAL": "0.1",
    }
    return start("workers", "job", log_file=log_file, environment=environment)


async def queue(database: Database, organization_id: UUID, receiver: Receiver) -> UUID:
    now = datetime.now(UTC)
    async with database.transaction(organization_id) as session:
        mail = await send_email(session, organization_id=organization_id, to=["kim@x.example"], subject="s", text="t")
        await create_webhook(session, organization_id=organization_id, url=receiver.url, events=["*"], now=now)
        await publish(session, organization_id=organization_id, event="sla.breach", data={}, now=now)
    return mail


async def seen_by(where: list[Any], *, times: int, within_s: float = 30) -> None:
    async with asyncio.timeout(within_s):
        while len(where) < times:  # noqa: ASYNC110 (what is filled knows no events)
            await asyncio.sleep(0.05)


async def test_what_a_killed_worker_sent_is_sent_again_under_the_same_id(
    database: Database,
    database_url: str,
    organization_id: UUID,
    connection: Link,
    sink: Sink,
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    sink.to_message = [HOLD]
    receiver.behaviours = [HANG]
    mail = await queue(database, organization_id, receiver)
    victim = worker(database_url, tmp_path / "victim.log", sink)
    try:
        await seen_by(sink.taken, times=1)
        await seen_by(receiver.received, times=1)
    finally:
        victim.process.kill()
        victim.process.wait()
    heir = worker(database_url, tmp_path / "heir.log", sink)
    try:
        await until(connection, mail, "completed", within_s=30)
        await seen_by(receiver.received, times=2)
    finally:
        assert await heir.stop() == 0, heir.log()
    assert (await row(connection, mail))["crash_count"] == 1
    assert [message["Message-ID"] for _, message in sink.taken] == 2 * [f"<{mail}@example.org>"]
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
