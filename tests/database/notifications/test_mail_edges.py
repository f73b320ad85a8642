"""A mail server that hangs, hangs up or refuses at each stage, and recovers: nothing is lost, nothing sent twice."""

from __future__ import annotations

from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests.database.notifications.conftest import Working, hurry
from tests.database.notifications.smtp_sink import DROP, HOLD, Sink
from tests.database.notifications.test_mail import FROM, send
from tests.database.queue.jobs import history, row, until, until_event


@pytest.mark.parametrize(
    ("stage", "mood", "words"),
    [
        ("CONNECT", HOLD, "does not let us in"),
        ("CONNECT", DROP, "does not let us in"),
        ("CONNECT", "421 4.3.2 Too busy", "does not let us in"),
        ("CONNECT", "554 5.3.2 No service here", "does not let us in"),
        ("MAIL", HOLD, "cannot be reached"),
        ("MAIL", DROP, "cannot be reached"),
        ("RCPT", HOLD, "cannot be reached"),
        ("RCPT", DROP, "cannot be reached"),
        ("DATA", DROP, "cannot be reached"),
    ],
)
async def test_a_mail_arrives_once_when_the_server_recovers(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working,
    stage: str, mood: str, words: str,
) -> None:  # fmt: skip
    sink.at[stage] = [mood, mood]
    job = await send(database, organization_id, text="A longer text. " * 200)
    async with at_work(smtp_url=sink.url, mail_from=FROM, smtp_timeout_s=0.4):
        await until_event(connection, job, "retried")
        assert words in (await row(connection, job))["last_error"]
        await hurry(connection, job, times=1, event="completed")
        another = await send(database, organization_id)
        await until(connection, another, "completed")
    assert [message["Message-ID"] for _, message in sink.taken] == [f"<{each}@example.org>" for each in (job, another)]
    assert (await history(connection, job)).count("retried") == 2


async def test_a_kept_connection_that_the_server_closed_without_a_word_costs_no_try(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        jobs = []
        for _ in range(3):
            jobs.append(await send(database, organization_id))
            await until(connection, jobs[-1], "completed")
            sink.hang_up()
    assert [(await row(connection, job))["retry_count"] for job in jobs] == [0, 0, 0]
    assert len(sink.taken) == 3
    assert sink.connections == 3


async def test_what_happens_to_one_recipient_keeps_no_other_from_being_written_to(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    to = [f"{name}@example.com" for name in ("kim", "slow", "gone", "ada", "full")]
    sink.to_recipient = {to[1]: ["451 4.7.1 Greylisted"] * 2, to[2]: ["550 5.1.1 Gone"], to[4]: ["552 5.2.2 Full"]}
    job = await send(database, organization_id, *to)
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        await until(connection, job, "completed")
        (rest,) = await connection.fetch("SELECT id FROM job_queue WHERE parent_id = $1", job)
        await hurry(connection, rest["id"], times=1, event="completed")
    assert [recipients for recipients, _ in sink.taken] == [[to[0], to[3]], [to[1]]]
    assert {message["Message-ID"] for _, message in sink.taken} == {f"<{job}@example.org>"}
    assert sink.connections == 1
