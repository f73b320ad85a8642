"""Mail through a real worker to a real mail server that is not always kind."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.notifications.commands import send_email
from helpdesk.queue.link import Link
from tests.database.notifications.conftest import Working, hurry
from tests.database.notifications.smtp_sink import DROP, Sink
from tests.database.queue.jobs import history, row, until, until_event

FROM = "Test Desk <desk@example.org>"


async def send(database: Database, organization_id: UUID, *to: str, **changes: Any) -> UUID:
    words = {"subject": "Grüße vom Schreibtisch", "text": "Hello", "html": "<p>Hello</p>"} | changes
    async with database.transaction(organization_id) as session:
        return await send_email(session, organization_id=organization_id, to=to or ("kim@example.com",), **words)


async def test_mails_arrive_over_one_connection(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    jobs = [await send(database, organization_id, subject=f"Mail {n}") for n in range(10)]
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        for job in jobs:
            done = await until(connection, job, "completed")
    assert sorted(message["Subject"] for _, message in sink.taken) == [f"Mail {n}" for n in range(10)]
    assert {message["Message-ID"] for _, message in sink.taken} == {f"<{job}@example.org>" for job in jobs}
    assert {message["From"] for _, message in sink.taken} == {FROM}
    assert sink.connections == 1
    stored = await row(connection, jobs[0])
    assert (stored["priority"], done["retry_count"]) == ("high", 0)


async def test_a_mail_that_is_put_off_is_sent_later_and_one_that_is_refused_is_set_aside(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    sink.to_message = ["451 4.3.0 Greylisted, come back", "452 4.3.1 Disk full"]
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        patient = await send(database, organization_id)
        await until_event(connection, patient, "retried")
        assert "451 4.3.0 Greylisted" in (await row(connection, patient))["last_error"]
        await hurry(connection, patient, times=1, event="completed")
        sink.to_message = ["554 5.7.1 Not from kim@example.com, spam"]
        refused = await send(database, organization_id)
        dead = await until(connection, refused, "dead_letter")
        sink.to_sender = ["550 5.1.8 Who are you"]
        unwanted = await send(database, organization_id)
        await until(connection, unwanted, "dead_letter")
        after = await send(database, organization_id)
        await until(connection, after, "completed")
    assert "554 5.7.1 Not from [email], spam" in dead["last_error"]
    assert "550 5.1.8 Who are you" in (await row(connection, unwanted))["last_error"]
    assert await history(connection, refused) == ["enqueued", "started", "dead_lettered"]
    assert [message["Message-ID"] for _, message in sink.taken] == [f"<{job}@example.org>" for job in (patient, after)]
    assert sink.connections == 1


async def test_recipients_that_were_accepted_are_not_written_to_again_for_those_that_were_not(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    sink.to_recipient = {
        "gone@example.com": ["550 5.1.1 No such user"],
        "busy@example.com": ["450 4.2.1 Mailbox busy", "450 4.2.1 Still busy"],
    }
    job = await send(database, organization_id, "kim@example.com", "gone@example.com", "busy@example.com")
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        done = await until(connection, job, "completed")
        result = json.loads(done["result"])
        rest = UUID(result["rest"])
        await hurry(connection, rest, times=1, event="completed")
    assert result["accepted"] == 1
    assert [(answer["address"], answer["code"]) for answer in result["refused"]] == [
        ("gone@example.com", 550),
        ("busy@example.com", 450),
    ]
    assert [recipients for recipients, _ in sink.taken] == [["kim@example.com"], ["busy@example.com"]]
    first, second = (message for _, message in sink.taken)
    assert first["Message-ID"] == second["Message-ID"] == f"<{job}@example.org>"
    assert first["To"] == second["To"] == "kim@example.com, gone@example.com, busy@example.com"
    assert (await row(connection, rest))["parent_id"] == job
    assert (await history(connection, rest)).count("retried") == 1


async def test_a_mail_that_no_recipient_takes_is_set_aside_with_the_servers_words(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    sink.to_recipient = {"kim@example.com": ["550 5.1.1 kim@example.com is unknown"]}
    job = await send(database, organization_id)
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        dead = await until(connection, job, "dead_letter")
    assert dead["last_error"].endswith("The mail server refuses every recipient: 550 5.1.1 [email] is unknown.")
    assert sink.taken == []


async def test_a_connection_that_breaks_after_the_message_costs_a_second_copy_under_the_same_id(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    sink.to_message = [DROP]
    job = await send(database, organization_id)
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        await until_event(connection, job, "retried")
        assert "cannot be reached" in (await row(connection, job))["last_error"]
        await hurry(connection, job, times=1, event="completed")
    assert [message["Message-ID"] for _, message in sink.taken] == 2 * [f"<{job}@example.org>"]
    assert sink.connections == 2


async def test_a_server_that_is_away_is_waited_for_and_one_that_closed_the_connection_costs_no_try(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    first = await send(database, organization_id)
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        await until(connection, first, "completed")
        sink.to_sender = ["421 4.4.2 Idle too long"]
        second = await send(database, organization_id)
        await until(connection, second, "completed")
    assert [(await row(connection, job))["retry_count"] for job in (first, second)] == [0, 0]
    assert sink.connections == 2
    away = await send(database, organization_id)
    async with at_work(smtp_url="smtp://127.0.0.1:9", mail_from=FROM):
        await until_event(connection, away, "retried")
    assert "does not let us in" in (await row(connection, away))["last_error"]


async def test_without_a_mail_server_a_mail_is_cancelled_and_says_why(
    database: Database, organization_id: UUID, connection: Link, at_work: Working
) -> None:
    job = await send(database, organization_id)
    async with at_work():
        cancelled = await until(connection, job, "cancelled")
    assert cancelled["last_error"] == "No mail server is configured; set ATUM_SMTP_URL."


async def test_a_mail_is_sent_once_for_one_key_and_not_at_all_when_the_transaction_fails(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    first = await send(database, organization_id, unique_key="welcome")
    assert await send(database, organization_id, unique_key="welcome") == first
    with pytest.raises(ZeroDivisionError):
        async with database.transaction(organization_id) as session:
            await send_email(session, organization_id=organization_id, to=["kim@example.com"], subject="a", text="b")
            _ = 1 / 0
    assert len(await connection.fetch("SELECT 1 FROM job_queue")) == 1
