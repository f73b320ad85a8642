"""Webhooks through a real worker to a real receiver that fails in the ways receivers do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from helpdesk.database.engine import Database
from helpdesk.notifications.webhooks.commands import (
    WebhookPaused,
    delete_webhook,
    rotate_secret,
)
from helpdesk.notifications.webhooks.publishing import publish
from helpdesk.queue.link import Link
from tests.database.notifications.conftest import Working, hurry
from tests.database.notifications.http_receiver import (
    ENDLESS,
    GARBAGE,
    HALF,
    HANG,
    RESET,
    SHORT,
    SLOW_BODY,
    SLOW_HEAD,
    Receiver,
)
from tests.database.notifications.webhook_desk import LOOPBACK, Desk
from tests.database.queue.jobs import row, until, until_event


async def test_an_event_arrives_signed_and_is_recorded(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    queued = await desk.publish(title="#7 ist überfällig")
    async with at_work(**LOOPBACK):
        await until(connection, queued.job_id, "completed")
    (request,) = receiver.received
    assert request.line == "POST /hook?desk=1 HTTP/1.1"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == str(queued.id)
    assert abs(int(request.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert request.is_signed_by(desk.endpoint.secret)
    assert not request.is_signed_by("whsec_" + "A" * 44)
    sent = json.loads(request.body)
    assert (sent["type"], sent["data"]) == ("sla.breach", {"title": "#7 ist überfällig"})
    assert datetime.fromisoformat(sent["timestamp"]).tzinfo is not None
    (delivery,) = await desk.deliveries()
    assert (delivery.state, delivery.attempts, delivery.last_status) == ("delivered", 1, 200)
    assert delivery.response_excerpt == "status 200 Grüße"
    assert delivery.body.encode() == request.body
    assert (await desk.state()).last_success_at is not None


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (500, "answered 500"),
        (404, "answered 404"),
        (302, "answered 302, and redirects are not followed"),
        (HANG, "no answer within 0.5 s"),
        (RESET, "Error"),
        (GARBAGE, "RemoteProtocolError"),
        (HALF, "RemoteProtocolError"),
        (SLOW_HEAD, "no answer within 0.5 s"),
    ],
)
async def test_a_receiver_that_fails_and_recovers_gets_the_event_under_the_same_id(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working, behaviour: int | str, why: str
) -> None:
    receiver.behaviours = [behaviour]
    receiver.location = f"http://127.0.0.1:{receiver.port}/elsewhere"
    queued = await desk.publish()
    async with at_work(**LOOPBACK):
        await until_event(connection, queued.job_id, "retried")
        (failed,) = await desk.deliveries()
        waits = await row(connection, queued.job_id)
        await hurry(connection, queued.job_id, times=1, event="completed")
    assert why in failed.last_error
    assert why in waits["last_error"]
    assert (failed.state, failed.attempts) == ("pending", 1)
    assert timedelta(seconds=4) < waits["run_after"] - waits["updated_at"] < timedelta(seconds=16)
    assert [request.line.split()[1] for request in receiver.received] == 2 * ["/hook?desk=1"]
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert all(request.is_signed_by(desk.endpoint.secret) for request in receiver.received)
    assert (await desk.state()).failures == 0


@pytest.mark.parametrize(("behaviour", "excerpt"), [(ENDLESS, "x" * 1024), (SHORT, "short"), (SLOW_BODY, "xxxxx")])
async def test_an_answer_is_read_no_further_than_its_beginning_and_its_status_decides(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working, behaviour: str, excerpt: str
) -> None:
    receiver.behaviours = [behaviour]
    queued = await desk.publish()
    async with at_work(**LOOPBACK):
        await until(connection, queued.job_id, "completed")
    assert (await desk.deliveries())[0].response_excerpt.startswith(excerpt)
    assert len(receiver.received) == 1


async def test_a_delivery_that_never_succeeds_becomes_a_dead_letter_and_can_be_asked_for_again(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    receiver.behaviours = [500, 500, 500]
    queued = await desk.publish()
    await connection.fetch("UPDATE job_queue SET max_retries = 2 WHERE id = $1", queued.job_id)
    async with at_work(**LOOPBACK):
        await hurry(connection, queued.job_id, times=1, event="dead_lettered")
        (dead,) = await desk.deliveries()
        job_id = await desk.again(dead.id)
        assert await desk.again(dead.id) in {job_id, (await desk.deliveries())[0].job_id}
        await until(connection, job_id, "completed")
    assert (dead.state, dead.attempts, dead.last_status) == ("dead_letter", 3, 500)
    (delivered,) = await desk.deliveries()
    assert delivered.state == "delivered"
    assert {request.headers["webhook-id"] for request in receiver.received} == {str(dead.id)}


async def test_a_receiver_that_keeps_failing_is_left_alone_until_one_request_finds_it_well(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    receiver.behaviours = [503, 503, 503, 503, 503]
    jobs = [(await desk.publish()).job_id]
    async with at_work(**LOOPBACK):
        await hurry(connection, jobs[0], times=5)
        failing = await desk.state()
        jobs += [(await desk.publish()).job_id for _ in range(2)]
        assert (failing.state, failing.state_reason) == ("failing", "answered 503")
        tried = len(receiver.received)
        for job in jobs:
            await hurry(connection, job, times=1, event="snoozed")
        assert len(receiver.received) == tried
        assert [(await row(connection, job))["retry_count"] for job in jobs] == [5, 0, 0]
        await desk.sql("UPDATE webhook_endpoints SET retry_at = now() - interval '1 s'")
        for job in jobs:
            await hurry(connection, job, times=1, event="completed")
    well = await desk.state()
    assert (well.state, well.failures, well.retry_at, well.state_reason) == ("active", 0, None, None)
    assert {delivery.state for delivery in await desk.deliveries()} == {"delivered"}


async def test_an_event_that_nobody_took_for_three_days_is_given_up(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    queued = await desk.publish()
    await desk.sql("UPDATE webhook_deliveries SET queued_at = now() - interval '73 hours'")
    async with at_work(**LOOPBACK):
        dead = await until(connection, queued.job_id, "dead_letter")
    assert "three days" in dead["last_error"]
    assert (await desk.deliveries())[0].state == "dead_letter"
    assert receiver.received == []


async def test_a_receiver_that_is_gone_pauses_the_webhook(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    receiver.behaviours = [410]
    queued = await desk.publish()
    async with at_work(**LOOPBACK):
        await until(connection, queued.job_id, "cancelled")
    paused = await desk.state()
    assert (paused.state, paused.state_reason) == ("paused", "the receiver answered 410 Gone")
    with pytest.raises(WebhookPaused, match="410"):
        await desk.again(queued.id)
    async with desk.database.transaction(desk.organization_id) as session:
        told = await publish(
            session, organization_id=desk.organization_id, event="sla.breach", data={}, now=datetime.now(UTC)
        )
    assert told == 0


async def test_what_waits_for_a_webhook_that_is_paused_or_removed_is_not_sent(
    desk: Desk, database: Database, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    first = await desk.publish()
    await desk.change(paused=True)
    async with at_work(**LOOPBACK):
        await until(connection, first.job_id, "cancelled")
        assert (await desk.deliveries())[0].state == "cancelled"
        await desk.change(paused=False)
        job_id = await desk.again(first.id)
        await until(connection, job_id, "completed")
    second = await desk.publish()
    async with database.transaction(desk.organization_id) as session:
        await delete_webhook(session, organization_id=desk.organization_id, webhook_id=desk.endpoint.id)
    async with at_work(**LOOPBACK):
        await until(connection, second.job_id, "cancelled")
    assert len(receiver.received) == 1


async def test_after_a_new_secret_both_sign_for_a_day(
    desk: Desk, database: Database, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    old = desk.endpoint.secret
    async with database.transaction(desk.organization_id) as session:
        new = (
            await rotate_secret(
                session, organization_id=desk.organization_id, webhook_id=desk.endpoint.id, now=datetime.now(UTC)
            )
        ).secret
    async with at_work(**LOOPBACK):
        await until(connection, (await desk.publish()).job_id, "completed")
        await desk.sql("UPDATE webhook_endpoints SET old_secret_until = now() - interval '1 s'")
        await until(connection, (await desk.publish()).job_id, "completed")
    during, later = receiver.received
    assert old != new
    assert during.is_signed_by(old)
    assert during.is_signed_by(new)
    assert later.is_signed_by(new)
    assert not later.is_signed_by(old)


async def test_an_address_inside_is_not_called_unless_the_operator_named_it(
    desk: Desk, connection: Link, receiver: Receiver, at_work: Working
) -> None:
    queued = await desk.publish()
    async with at_work(webhook_allow="10.0.0.0/8"):
        await until_event(connection, queued.job_id, "retried")
    assert "named in ATUM_WEBHOOK_ALLOW" in (await desk.deliveries())[0].last_error
    assert receiver.received == []
