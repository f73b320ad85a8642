"""Webhooks and mail over HTTP, from the request to the receiver, through real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from helpdesk.accounts.commands import create_team
from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.database.notifications.http_receiver import Receiver, Reply, http_receiver
from tests.database.notifications.smtp_sink import Sink, smtp_sink
from tests.journeys.conftest import NO_RUNTIME, Account, MakeAccount, RunWorker
from tests.waiting import answers

Connect = Callable[[str | None], httpx.AsyncClient]


@pytest.fixture(scope="module")
def process_environment(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_OLLAMA_HOST": NO_RUNTIME,
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "ATUM_WEBHOOK_ALLOW": "127.0.0.1/32",
    }


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with http_receiver() as receiver:
        yield receiver


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with smtp_sink() as sink:
        yield sink


async def test_a_webhook_is_made_tested_changed_and_removed(
    client: httpx.AsyncClient, receiver: Receiver, run_worker: RunWorker
) -> None:
    made = await client.post(
        "/api/v1/webhooks", json={"url": receiver.url, "events": ["sla.breach", "*"], "description": "Wall display"}
    )
    path = made.headers["location"]
    secret = made.json()["secret"]
    listed = (await client.get("/api/v1/webhooks")).json()["items"]
    read = (await client.get(path)).json()
    await run_worker("job", ATUM_WORKER_QUEUES="webhooks")
    tested = await client.post(f"{path}/test")
    deliveries = await answers(
        client, f"{path}/deliveries", lambda page: page["items"] and page["items"][0]["state"] == "delivered"
    )
    rotated = await client.post(f"{path}/rotate-secret")
    again = await client.post(f"/api/v1/webhook-deliveries/{tested.json()['id']}/redeliver")
    await answers(client, f"{path}/deliveries", lambda page: page["items"][0]["attempts"] == 2)
    changed = await client.patch(path, json={"events": ["sla.warning"], "paused": True})
    refused = await client.post(f"{path}/test")
    removed = await client.delete(path)

    assert (made.status_code, made.json()["state"]) == (201, "active")
    assert secret.startswith("whsec_")
    assert [webhook["id"] for webhook in listed] == [read["id"]] == [made.json()["id"]]
    assert secret not in str((listed, read, deliveries, changed.json()))
    assert (tested.status_code, tested.json()["event"], again.status_code) == (202, "webhook.test", 202)
    assert deliveries["items"][0]["response_excerpt"] == "status 200 Grüße"
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == tested.json()["id"]
    assert first.is_signed_by(secret)
    assert second.is_signed_by(secret)
    assert second.is_signed_by(rotated.json()["secret"])
    assert (changed.json()["state"], changed.json()["events"]) == ("paused", ["sla.warning"])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/webhook-paused")
    assert removed.status_code == 204
    assert (await client.get(path)).json()["type"] == "/problems/webhook-not-found"


@pytest.mark.parametrize(("form", "words"), [("slack", "blocks"), ("teams", "AdaptiveCard"), ("atum", "webhook.test")])
async def test_a_chat_room_is_told_in_its_own_form_and_anew_when_it_is_back(
    client: httpx.AsyncClient, receiver: Receiver, run_worker: RunWorker, form: str, words: str
) -> None:
    given = {"url": receiver.url, "events": ["*"], "format": form}
    made = await client.post("/api/v1/webhooks", json=given)
    path = made.headers["location"]
    receiver.behaviours = [410, Reply(200, {}, b"ok")]
    await run_worker("job", ATUM_WORKER_QUEUES="webhooks")
    await client.post(f"{path}/test")
    await answers(client, path, lambda webhook: webhook["state"] == "paused")
    refused = await client.post(f"{path}/redeliver", json={})
    await client.patch(path, json={"paused": False})
    # What was cancelled is no dead letter: nobody wanted it any more.
    nothing = await client.post(f"{path}/redeliver", json={"since": "2026-01-01T00:00:00Z"})
    await client.post(f"{path}/test")
    page = await answers(client, f"{path}/deliveries", lambda page: page["items"][0]["state"] == "delivered")
    assert (made.status_code, made.json()["format"], made.json()["team_id"]) == (201, form, None)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/webhook-paused")
    assert (nothing.status_code, nothing.json()) == (202, {"queued": 0, "more": False})
    assert words in page["items"][0]["body"]
    assert receiver.received[-1].body.decode() == page["items"][0]["body"]
    assert receiver.received[-1].is_signed_by(made.json()["secret"])


async def test_a_webhook_is_for_a_team_or_for_all(
    client: httpx.AsyncClient, receiver: Receiver, database: Database, account: Account
) -> None:
    async with database.transaction(account.organization_id) as session:
        team = await create_team(session, organization_id=account.organization_id, slug="network", name="Network")
    given = {"url": receiver.url, "events": ["ticket.opened"], "team_id": str(team.id)}
    made = await client.post("/api/v1/webhooks", json=given)
    path = made.headers["location"]
    kept = await client.patch(path, json={"format": "slack"})
    widened = await client.patch(path, json={"team_id": None})
    unknown = await client.patch(path, json={"team_id": str(account.user_id)})
    other_form = await client.patch(path, json={"format": "irc"})
    assert made.json()["team_id"] == str(team.id)
    assert (kept.json()["team_id"], kept.json()["format"]) == (str(team.id), "slack")
    assert (widened.json()["team_id"], widened.json()["format"]) == (None, "slack")
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/unknown-team")
    assert other_form.status_code == 422


async def test_an_assigned_ticket_is_told_to_those_who_asked(
    client: httpx.AsyncClient, receiver: Receiver, run_worker: RunWorker, make_account: MakeAccount, account: Any
) -> None:
    agent = await make_account(UserRole.AGENT, organization=account)
    await client.post("/api/v1/webhooks", json={"url": receiver.url, "events": ["ticket.opened", "ticket.assigned"]})
    ticket = (await client.post("/api/v1/tickets", json={"subject": "VPN drops", "body": "Since this morning."})).json()
    await client.post(f"/api/v1/tickets/{ticket['id']}/assign", json={"assignee_id": str(agent.user_id)})
    await run_worker("job", ATUM_WORKER_QUEUES="webhooks,notifications")
    async with asyncio.timeout(30):
        while len(receiver.received) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    told = {
        event["type"]: event["data"]
        for event in (httpx.Response(200, content=r.body).json() for r in receiver.received)
    }
    assert told.keys() == {"ticket.opened", "ticket.assigned"}
    assert told["ticket.assigned"]["ticket"]["number"] == told["ticket.opened"]["ticket"]["number"] == ticket["number"]
    assert told["ticket.opened"]["ticket"]["subject"] == "VPN drops"
    assert told["ticket.assigned"]["ticket"]["assignee_id"] == str(agent.user_id)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://169.254.169.254/latest/meta-data", "webhook-url-refused"),
        ("https://10.0.0.1/", "webhook-url-refused"),
        ("https://localhost./", "webhook-url-refused"),
        ("https://[::1]/", "webhook-url-refused"),
        ("https://nowhere.invalid/", "webhook-url-refused"),
        ("ftp://example.com/", "webhook-url-refused"),
        ("", "invalid-request"),
    ],
)
async def test_an_address_inside_cannot_be_made_a_webhook(
    client: httpx.AsyncClient, receiver: Receiver, url: str, problem: str
) -> None:
    answer = await client.post("/api/v1/webhooks", json={"url": url, "events": ["*"]})
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{problem}")
    path = (await client.post("/api/v1/webhooks", json={"url": receiver.url, "events": ["*"]})).headers["location"]
    answer = await client.patch(path, json={"url": url})
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{problem}")
    assert (await client.get(path)).json()["url"] == receiver.url


async def test_an_event_that_is_none_cannot_be_asked_for(client: httpx.AsyncClient, receiver: Receiver) -> None:
    answer = await client.post("/api/v1/webhooks", json={"url": receiver.url, "events": ["ticket.exploded"]})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/unknown-event")


async def test_webhooks_and_mail_are_an_administrators_and_of_one_organisation(
    client: httpx.AsyncClient, connect: Connect, receiver: Receiver, make_account: MakeAccount, account: Any
) -> None:
    path = (await client.post("/api/v1/webhooks", json={"url": receiver.url, "events": ["*"]})).headers["location"]
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    stranger = connect((await make_account(UserRole.ADMIN)).token)
    mail = {"job_type": "SEND_EMAIL", "payload": {"to": ["a@b.example"], "subject": "s", "text": "t"}}

    assert (await lead.get("/api/v1/webhooks")).status_code == 403
    assert (await lead.post("/api/v1/webhooks", json={"url": receiver.url, "events": ["*"]})).status_code == 403
    assert (await lead.patch(path, json={"paused": True})).status_code == 403
    assert (await lead.post("/api/v1/jobs", json=mail)).status_code == 403
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.delete(path)).status_code == 404
    assert (await lead.post(f"{path}/redeliver", json={})).status_code == 403
    assert (await stranger.post(f"{path}/redeliver", json={})).status_code == 404
    assert (await stranger.get(f"{path}/deliveries")).status_code == 404
    asked = await client.post("/api/v1/jobs", json={"job_type": "SEND_WEBHOOK", "payload": {"delivery_id": path[-36:]}})
    assert (asked.status_code, asked.json()["type"]) == (403, "/problems/job-type-not-open")


async def test_mail_is_refused_over_the_api_while_there_is_no_mail_server(client: httpx.AsyncClient) -> None:
    payload = {"to": ["kim@example.com"], "subject": "Hello", "text": "Hello"}
    answer = await client.post("/api/v1/jobs", json={"job_type": "SEND_EMAIL", "payload": payload})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/mail-not-configured")
    assert "ATUM_SMTP_URL" in answer.json()["detail"]
    bad = payload | {"subject": "Hello\r\nBcc: everybody@example.com"}
    answer = await client.post("/api/v1/jobs", json={"job_type": "SEND_EMAIL", "payload": bad})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/payload/subject")
