"""From a clock to a mailbox: a real tick, real workers, some of them killed, and a real mail server."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.queue.catalog import DeliverNotification
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from tests import warm
from tests.database.desk import vpn_ticket
from tests.database.notifications.notices import MINUTE, Desk, furnish
from tests.database.notifications.smtp_sink import HOLD, Sink
from tests.journeys.processes import Running, start
from tests.waiting import eventually

KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.fixture
async def desk(database: Database, organization_id: UUID) -> Desk:
    made = await furnish(database, organization_id)
    await made.assign(made.ada)
    return made


@pytest.fixture
def worker(database_url: str, tmp_path: Path, sink: Sink) -> Callable[[], Running]:
    environment = {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_DATA_DIR": str(tmp_path),
        "ATUM_SMTP_URL": sink.url,
        "ATUM_MAIL_FROM": "Desk <desk@example.org>",
        "ATUM_PUBLIC_URL": "https://desk.example.org",
        "ATUM_WORKER_QUEUES": "notifications,mail",
        "ATUM_LEASE_HEARTBEAT_S": "0.3",
        "ATUM_LEASE_TIMEOUT_S": "2",
        "ATUM_POLL_INTERVAL": "0.1",
    }
    number = iter(range(100))
    return lambda: start("workers", "job", log_file=tmp_path / f"worker-{next(number)}.log", environment=environment)


def tick(database_url: str) -> None:
    environment = os.environ | {"ATUM_DATABASE_URL": database_url}
    warm.run("helpdesk.cli", "sla", "tick", environment=environment).check_returncode()


def words(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


async def hurry_digests(connection: Link) -> None:
    await connection.fetch(
        "UPDATE job_queue SET run_after = now() WHERE job_type = 'SEND_DIGEST' AND status = 'pending'"
    )


async def test_a_warning_and_the_breach_after_it_arrive_as_one_thread_in_the_readers_time(
    desk: Desk, database_url: str, connection: Link, sink: Sink, worker: Callable[[], Running]
) -> None:
    await desk.change("UPDATE users SET timezone = 'Asia/Kolkata'")
    # It has been late for months.
    await desk.change("DELETE FROM tickets")
    opened = datetime.now(UTC).replace(microsecond=0) - 12 * MINUTE
    async with desk.database.transaction(desk.organization_id) as session:
        ticket = await open_ticket(
            session,
            organization_id=desk.organization_id,
            new=vpn_ticket(subject="VPN <drops> & so on", category="security"),
            actor=desk.agent,
            now=opened,
            settings=Settings(),
        )
        await session.execute(
            text("UPDATE tickets SET assignee_id = :user WHERE id = :id"), {"user": desk.ada, "id": ticket.id}
        )
    tick(database_url)
    running = worker()

    async def sent(count: int) -> bool:
        return len(await desk.told(ticket_id=ticket.id, channel="email", state="sent")) == count

    try:
        await eventually(lambda: sent(1), within_s=30)
        await desk.tell(
            kind="sla.breach", ticket_id=ticket.id, title=f"#{ticket.number}: overdue", now=datetime.now(UTC)
        )
        await hurry_digests(connection)
        await eventually(lambda: sent(2), within_s=30)
    finally:
        assert await running.stop() == 0, running.log()
    mails = [message for _, message in sink.taken if f"[#{ticket.number}]" in message["Subject"]]
    assert {message["Subject"] for message in mails} == {f"[#{ticket.number}] VPN <drops> & so on"}
    root = f"<ticket-{ticket.id}@example.org>"
    assert [(mail["In-Reply-To"], mail["References"]) for mail in mails] == 2 * [(root, root)]
    assert mails[0]["Auto-Submitted"] == "auto-generated"
    assert mails[0]["List-Id"].endswith(".tickets.example.org>")
    assert len({mail["Message-ID"] for mail in mails}) == 2
    due = (opened + 15 * MINUTE).astimezone(KOLKATA)
    assert f"Due: {due:%a} {due.day} {due:%b %Y, %H:%M} IST\n" in words(mails[0], "plain")
    assert f"https://desk.example.org/tickets/{ticket.number}" in words(mails[0], "plain")
    assert "VPN &lt;drops&gt; &amp; so on" in words(mails[0], "html")
    assert "overdue" in words(mails[1], "plain")
    assert sink.connections == 1


async def test_nothing_is_lost_or_doubled_when_workers_die_at_any_moment(
    desk: Desk, connection: Link, sink: Sink, worker: Callable[[], Running]
) -> None:
    tickets = await desk.tickets(60)
    async with desk.database.transaction(desk.organization_id) as session:
        for number, ticket_id in enumerate(tickets):
            notice = DeliverNotification(
                kind="sla.warning", ticket_id=ticket_id, dedupe_key=f"{number}", title=f"#{number + 1}: late"
            )
            await enqueue(session, notice, organization_id=desk.organization_id)

    async def so_many(count: int) -> bool:
        await hurry_digests(connection)
        return len(await desk.told(channel="in_app")) >= count

    async def one_on_its_way() -> bool:
        return bool(sink.taken)

    sink.to_message = [HOLD]
    for ends in (lambda: so_many(3), one_on_its_way, lambda: so_many(20), lambda: so_many(60)):
        victim = worker()
        try:
            await eventually(ends, within_s=60)
        finally:
            victim.process.kill()
            victim.process.wait()
    heir = worker()

    async def all_sent() -> bool:
        await hurry_digests(connection)
        rows = await desk.told(channel="email")
        return len(rows) == 60 and all(row.state == "sent" for row in rows)

    try:
        await heir.wait_for_log("event=job_worker_started")
        await eventually(all_sent, within_s=60)
    finally:
        assert await heir.stop() == 0, heir.log()
    assert len(await desk.names()) == 60
    rows = await desk.told(channel="email")
    assert len({row.dedupe_key for row in rows}) == 60
    # Each mail that was recorded arrived, and a second copy has the first one's id.
    arrived = Counter(message["Message-ID"] for _, message in sink.taken)
    assert set(arrived) == {f"<{row.job_id}@example.org>" for row in rows}
    told: Counter[str] = Counter()
    for identifier in arrived:
        [text_of] = {words(message, "plain") for _, message in sink.taken if message["Message-ID"] == identifier}
        told.update(line.split()[0] for line in text_of.splitlines() if line.startswith("#") and "VPN" in line)
    assert set(told.values()) == {1}
    assert len(arrived) < 10
