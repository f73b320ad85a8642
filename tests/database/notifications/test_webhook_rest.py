"""A receiver that says when it wants to be asked again, and what could not be delivered is delivered later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest

from helpdesk.database.base import new_id
from helpdesk.notifications.webhooks.commands import WebhookNotFound, WebhookPaused
from helpdesk.notifications.webhooks.redelivery import redeliver_dead_letters
from helpdesk.queue.link import Link
from tests.database.notifications.conftest import Working, hurry
from tests.database.notifications.http_receiver import Receiver, Reply
from tests.database.notifications.webhook_desk import LOOPBACK, Desk
from tests.database.queue.jobs import row, until_event


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "90", 90), (503, None, 7200), (429, "604800", 86400)],
)
async def test_a_receiver_that_says_when_is_not_asked_before(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working, status: int, header: str | None, seconds: int
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    receiver.behaviours = [Reply(status, {"Retry-After": header or moment}, b"rate_limited")]
    first = (await desk.publish()).job_id
    async with at_work(**LOOPBACK):
        await until_event(connection, first, "retried")
        resting = await desk.state()
        others = [(await desk.publish()).job_id for _ in range(3)]
        for job in (first, *others):
            await hurry(connection, job, times=1, event="snoozed")
        assert len(receiver.received) == 1
        waiting = await row(connection, others[0])
        await desk.sql("UPDATE webhook_endpoints SET retry_at = now() - interval '1 s'")
        for job in (first, *others):
            await hurry(connection, job, times=1, event="completed")
    assert (resting.state, resting.state_reason, resting.failures) == ("failing", f"answered {status}", 1)
    assert resting.retry_at is not None
    assert abs((resting.retry_at - datetime.now(UTC)).total_seconds() - seconds) < 20
    assert waiting["run_after"] >= resting.retry_at - timedelta(seconds=2)
    # Waiting for the moment uses up no try.
    assert [(await row(connection, job))["retry_count"] for job in (first, *others)] == [1, 0, 0, 0]
    well = await desk.state()
    assert (well.state, well.failures, well.retry_at) == ("active", 0, None)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 4


@pytest.mark.parametrize(
    "reply", [Reply(500, {"Retry-After": "9000"}), Reply(429), Reply(503, {"Retry-After": "soon"})]
)
async def test_elsewhere_and_when_it_says_nothing_one_failure_is_only_tried_again(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working, reply: Reply
) -> None:
    receiver.behaviours = [reply]
    job = (await desk.publish()).job_id
    async with at_work(**LOOPBACK):
        await until_event(connection, job, "retried")
        failed = await desk.state()
        await hurry(connection, job, times=1, event="completed")
    assert (failed.state, failed.retry_at, failed.failures) == ("active", None, 1)


async def asked_again(desk: Desk, *, since: datetime | None = None, webhook_id: UUID | None = None) -> tuple[int, bool]:
    async with desk.database.transaction(desk.organization_id) as session:
        return await redeliver_dead_letters(
            session,
            organization_id=desk.organization_id,
            webhook_id=webhook_id or desk.endpoint.id,
            since=since,
            now=datetime.now(UTC),
        )


async def test_all_that_could_not_be_delivered_is_delivered_later_under_the_same_ids(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    receiver.behaviours = [500, 500, 500]
    dead = [await desk.publish() for _ in range(3)]
    await connection.fetch("UPDATE job_queue SET max_retries = 0")
    async with at_work(**LOOPBACK):
        for delivery in dead:
            await until_event(connection, delivery.job_id, "dead_lettered")
    # A worker that died twice over a job has not told the delivery.
    await desk.sql(f"UPDATE webhook_deliveries SET state = 'pending' WHERE id = '{dead[0].id}'")
    await desk.sql(f"UPDATE webhook_deliveries SET created_at = now() - interval '2 days' WHERE id = '{dead[1].id}'")
    assert await asked_again(desk, since=datetime.now(UTC) - timedelta(days=1)) == (2, False)
    assert await asked_again(desk, since=datetime.now(UTC) - timedelta(days=1)) == (0, False)
    assert await asked_again(desk) == (1, False)
    async with at_work(**LOOPBACK):
        for delivery in await desk.deliveries():
            await until_event(connection, delivery.job_id, "completed")
    assert {delivery.state for delivery in await desk.deliveries()} == {"delivered"}
    assert {request.headers["webhook-id"] for request in receiver.received[3:]} == {str(each.id) for each in dead}
    assert len(receiver.received) == 6


async def test_dead_letters_are_many_at_most_a_thousand_at_once_and_none_of_a_webhook_that_is_paused(
    desk: Desk, connection: Link
) -> None:
    await desk.sql(
        "INSERT INTO webhook_deliveries (id, organization_id, endpoint_id, event, body, state, queued_at) "
        f"SELECT gen_random_uuid(), '{desk.organization_id}', '{desk.endpoint.id}', 'x', '{{}}', 'dead_letter', now() "
        "FROM generate_series(1, 1001)"
    )
    assert await asked_again(desk) == (1000, True)
    assert await asked_again(desk) == (1, False)
    assert len(await connection.fetch("SELECT FROM job_queue WHERE job_type = 'SEND_WEBHOOK'")) == 1001
    await desk.change(paused=True)
    with pytest.raises(WebhookPaused):
        await asked_again(desk)
    with pytest.raises(WebhookNotFound):
        await asked_again(desk, webhook_id=new_id())
