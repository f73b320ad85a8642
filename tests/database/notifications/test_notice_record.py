"""What is recorded of notices: why a mail failed, and for how long it is kept."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import select

from helpdesk.database.engine import Database
from helpdesk.models.notifications import Notification
from helpdesk.notifications.delivery_queries import list_notice_deliveries
from helpdesk.queue.catalog import CleanUp
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.desk import NOW
from tests.database.notifications.conftest import Working
from tests.database.notifications.notices import MINUTE, Desk, furnish
from tests.database.notifications.smtp_sink import Sink
from tests.database.queue.jobs import until, working
from workers.registry import handlers


@pytest.fixture
async def desk(database: Database, organization_id: UUID) -> Desk:
    made = await furnish(database, organization_id)
    await made.assign(made.ada)
    return made


async def outcomes(desk: Desk) -> list[tuple[str, str | None]]:
    async with desk.database.transaction(desk.organization_id) as session:
        rows = await list_notice_deliveries(
            session, organization_id=desk.organization_id, user_id=desk.ada, channel=None, state=None
        )
        return [(row.state, row.reason) for row in reversed(rows) if row.channel == "email"]


async def test_the_record_says_that_a_mail_went_out_or_what_the_mail_server_had_against_it(
    desk: Desk, connection: Link, sink: Sink, at_work: Working
) -> None:
    sink.to_message = ["250 OK", "554 5.7.1 No thanks"]
    async with at_work(smtp_url=sink.url, mail_from="desk@example.org"):
        await desk.tell()
        await until(connection, (await desk.jobs("SEND_EMAIL"))[0].id, "completed")
        await desk.tell(now=NOW + 20 * MINUTE)
        await until(connection, (await desk.jobs("SEND_EMAIL"))[1].id, "dead_letter")
    first, second = await outcomes(desk)
    assert first == ("sent", None)
    assert second[0] == "failed"
    assert "554 5.7.1 No thanks" in str(second[1])


async def test_the_clean_up_removes_what_people_were_told_long_ago_and_nothing_that_waits(
    desk: Desk, connection: Link, settings: Settings
) -> None:
    for key in ("old", "waits", "new"):
        await desk.tell(dedupe_key=key)
    for table in ("notifications", "notification_deliveries"):
        await desk.change(f"UPDATE {table} SET created_at = now() - interval '91 days'")
        await desk.change(f"UPDATE {table} SET created_at = now() WHERE dedupe_key = 'new'")
    async with desk.database.transaction(desk.organization_id) as session:
        job = await enqueue(session, CleanUp(), organization_id=desk.organization_id)
    async with working(settings.model_copy(update={"poll_interval": 0.05}), handlers, types=["CLEAN_UP"]):
        done = await until(connection, job, "completed", within_s=20)
    assert '"notifications": 2' in done["result"]
    assert '"notices": 3' in done["result"]
    async with desk.database.transaction(desk.organization_id) as session:
        assert list(await session.scalars(select(Notification.dedupe_key))) == ["new"]
    left = {(row.dedupe_key, row.channel, row.state) for row in await desk.told()}
    assert left == {("waits", "email", "pending"), ("new", "email", "pending"), ("new", "in_app", "sent")}


async def test_nobody_sees_what_another_organisation_was_told(desk: Desk, database: Database) -> None:
    from helpdesk.database.base import new_id

    await desk.tell()
    async with database.transaction(new_id()) as session:
        assert await list_notice_deliveries(session, organization_id=desk.organization_id, user_id=desk.ada) == []
