"""Two hundred deliveries through receivers that misbehave and a worker that is killed: nothing lost, little doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.notifications.commands import send_email
from helpdesk.notifications.webhooks.commands import create_webhook
from helpdesk.notifications.webhooks.publishing import publish
from helpdesk.queue.catalog import SendEmail, SendWebhook
from helpdesk.queue.link import Link
from tests.database.notifications.http_receiver import (
    GARBAGE,
    HALF,
    HANG,
    RESET,
    SHORT,
    SLOW_BODY,
    SLOW_HEAD,
    Receiver,
    Reply,
    http_receiver,
)
from tests.database.notifications.smtp_sink import DROP, HOLD, Sink
from tests.journeys.processes import Running, start

ROOMS, EVENTS, MAILS = 4, 35, 60
# What may be sent by one worker and not be recorded yet, and so is sent again when it is killed.
WEBHOOKS_AT_ONCE, MAILS_AT_ONCE = SendWebhook.slots, SendEmail.most_per_worker
KILLS = 2
# The schedule makes jobs of its own.
OURS = "FROM job_queue WHERE job_type IN ('SEND_WEBHOOK', 'SEND_EMAIL')"
TAKEN = (200, SHORT, SLOW_BODY)


def moods(luck: Random) -> list[int | str | Reply]:
    """Return what a receiver does with its requests: a third of them fail."""
    bad = [500, 302, 404, HANG, RESET, GARBAGE, HALF, SHORT, SLOW_BODY, SLOW_HEAD]
    asking = [Reply(429, {"Retry-After": "30"}), Reply(503, {"Retry-After": "5"})]
    return [luck.choice([*bad, *asking]) if luck.random() < 1 / 3 else 200 for _ in range(40)]


def upset(sink: Sink, luck: Random) -> int:
    """Have the mail server misbehave; return how many messages it takes without saying so."""
    sink.to_message = [luck.choice(["250 OK", "250 OK", "451 Later", "452 Full", DROP]) for _ in range(50)]
    sink.at = {
        "CONNECT": [HOLD, "421 Busy", DROP],
        "MAIL": [DROP],
        "RCPT": [HOLD, DROP],
        "DATA": [DROP, DROP, DROP],
    }
    return sink.to_message.count(DROP)


@contextmanager
def worker(database_url: str, log_file: Path, sink: Sink) -> Iterator[Running]:
    environment = {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_DATA_DIR": str(log_file.parent),
        "ATUM_SMTP_URL": sink.url,
        # Longer than the servers in this process are ever kept from answering: an answer unheard is a second message.
        "ATUM_SMTP_TIMEOUT_S": "3",
        "ATUM_WEBHOOK_TIMEOUT_S": "3",
        "ATUM_MAIL_FROM": "desk@example.org",
        "ATUM_WEBHOOK_ALLOW": "127.0.0.0/8",
        "ATUM_WORKER_QUEUES": "mail,webhooks",
        "ATUM_LEASE_HEARTBEAT_S": "0.3",
        "ATUM_LEASE_TIMEOUT_S": "2",
        "ATUM_POLL_INTERVAL": "0.1",
    }
    running = start("workers", "job", log_file=log_file, environment=environment)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@asynccontextmanager
async def no_time_passes(database: Database, organization_id: UUID, connection: Link) -> AsyncIterator[None]:
    """Let no job and no address wait."""

    async def run() -> None:
        while True:
            await connection.fetch(
                "UPDATE job_queue SET run_after = now() WHERE status = 'pending' AND run_after > now()"
            )
            async with database.transaction(organization_id) as session:
                await session.execute(text("UPDATE webhook_endpoints SET retry_at = now() WHERE retry_at > now()"))
            await asyncio.sleep(0.2)

    hurrying = asyncio.create_task(run())
    try:
        yield
    finally:
        hurrying.cancel()
        with suppress(asyncio.CancelledError):
            await hurrying


async def put_all_up(database: Database, organization_id: UUID, receivers: list[Receiver]) -> list[UUID]:
    now = datetime.now(UTC)
    async with database.transaction(organization_id) as session:
        for receiver in receivers:
            await create_webhook(session, organization_id=organization_id, url=receiver.url, events=["*"], now=now)
        for number in range(EVENTS):
            data = {"number": number}
            told = await publish(session, organization_id=organization_id, event="sla.breach", data=data, now=now)
            assert told == len(receivers)
        return [
            await send_email(session, organization_id=organization_id, to=["kim@x.example"], subject=f"{n}", text="t")
            for n in range(MAILS)
        ]


async def until_done(connection: Link, *, left: int, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if len(await connection.fetch(f"SELECT {OURS} AND status IN ('pending', 'running')")) <= left:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("seed", [4])
async def test_nothing_is_lost_and_what_is_doubled_has_the_same_id(
    database: Database,
    database_url: str,
    organization_id: UUID,
    connection: Link,
    sink: Sink,
    tmp_path: Path,
    seed: int,
) -> None:
    luck = Random(seed)
    async with http_receiver() as a, http_receiver() as b, http_receiver() as c, http_receiver() as d:
        receivers = [a, b, c, d][:ROOMS]
        for receiver in receivers:
            receiver.behaviours = moods(luck)
        dropped = upset(sink, luck)
        mails = await put_all_up(database, organization_id, receivers)
        total = ROOMS * EVENTS + MAILS
        async with no_time_passes(database, organization_id, connection):
            for run, left in enumerate((total * 2 // 3, total // 3, 0)):
                with worker(database_url, tmp_path / f"{run}.log", sink):
                    await until_done(connection, left=left)
    jobs = await connection.fetch(f"SELECT DISTINCT status {OURS}")
    assert [job["status"] for job in jobs] == ["completed"]
    taken = Counter(
        request.headers["webhook-id"]
        for receiver in receivers
        for request, answer in zip(receiver.received, receiver.answered, strict=True)
        if answer in TAKEN
    )
    rows = await connection.fetch("SELECT id, body, state FROM webhook_deliveries")
    assert {row["state"] for row in rows} == {"delivered"}
    assert taken.keys() == {str(row["id"]) for row in rows}
    bodies = {str(row["id"]): row["body"].encode() for row in rows}
    assert all(r.body == bodies[r.headers["webhook-id"]] for receiver in receivers for r in receiver.received)
    arrived = Counter(str(message["Message-ID"]) for _, message in sink.taken)
    assert arrived.keys() == {f"<{mail}@example.org>" for mail in mails}
    doubled = taken.total() - len(taken), arrived.total() - len(arrived)
    requests = sum(len(receiver.received) for receiver in receivers)
    print(f"{requests} requests for {len(taken)} webhooks; doubled: webhooks {doubled[0]}, mails {doubled[1]}")  # noqa: T201
    assert doubled[0] <= KILLS * WEBHOOKS_AT_ONCE
    assert doubled[1] <= dropped + KILLS * MAILS_AT_ONCE
