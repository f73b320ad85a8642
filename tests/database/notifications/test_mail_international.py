"""Addresses in any script, where the mail server takes them."""

from __future__ import annotations

import json
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests.database.notifications.conftest import Working
from tests.database.notifications.smtp_sink import Sink, smtp_sink
from tests.database.notifications.test_mail import FROM, send
from tests.database.queue.jobs import until

JUERGEN, KIM = "jürgen@bücher.example", "kim@example.com"


async def test_a_server_that_takes_international_addresses_gets_them(
    database: Database, organization_id: UUID, connection: Link, at_work: Working
) -> None:
    async with smtp_sink(enable_SMTPUTF8=True) as sink:
        both = await send(database, organization_id, JUERGEN, KIM)
        ascii_only = await send(database, organization_id, KIM)
        async with at_work(smtp_url=sink.url, mail_from=FROM):
            for job in (both, ascii_only):
                await until(connection, job, "completed")
    taken = {str(message["Message-ID"]): (recipients, message) for recipients, message in sink.taken}
    recipients, message = taken[f"<{both}@example.org>"]
    assert recipients == ["jürgen@xn--bcher-kva.example", KIM]
    for header in (f"To: {', '.join(recipients)}", "Subject: Grüße vom Schreibtisch"):
        assert header.encode() in message.as_bytes()
    assert taken[f"<{ascii_only}@example.org>"][0] == [KIM]
    assert sink.connections == 1


async def test_elsewhere_that_recipient_is_refused_for_good_and_the_others_are_written_to(
    database: Database, organization_id: UUID, connection: Link, sink: Sink, at_work: Working
) -> None:
    both = await send(database, organization_id, JUERGEN, KIM)
    alone = await send(database, organization_id, JUERGEN)
    async with at_work(smtp_url=sink.url, mail_from=FROM):
        done = await until(connection, both, "completed")
        dead = await until(connection, alone, "dead_letter")
    result = json.loads(done["result"])
    assert (result["accepted"], [answer["code"] for answer in result["refused"]]) == (1, [553])
    assert "ASCII only" in result["refused"][0]["text"]
    assert "ASCII only" in dead["last_error"]
    ((recipients, message),) = sink.taken
    assert (recipients, message["To"]) == ([KIM], KIM)
    assert message["Subject"] == "Grüße vom Schreibtisch"
    assert sink.connections == 1
