"""What people are told, over HTTP: reading it, choosing it, and seeing what became of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.waiting import answers

Connect = Callable[[str | None], httpx.AsyncClient]
PREFERENCES = "/api/v1/notifications/preferences"
USUAL = {"in_app": "immediately", "email": "immediately"}


@pytest.fixture
async def agent(make_account: MakeAccount, account: Account) -> Account:
    return await make_account(UserRole.AGENT, organization=account)


@pytest.fixture
def theirs(connect: Connect, agent: Account) -> httpx.AsyncClient:
    return connect(agent.token)


async def assigned(client: httpx.AsyncClient, agent: Account, *, subject: str = "VPN drops") -> dict[str, Any]:
    opened = await client.post("/api/v1/tickets", json={"subject": subject, "body": "Since this morning."})
    ticket: dict[str, Any] = opened.json()
    await client.post(f"/api/v1/tickets/{ticket['id']}/assign", json={"assignee_id": str(agent.user_id)})
    return ticket


async def test_notices_are_listed_counted_read_and_unread(
    client: httpx.AsyncClient, theirs: httpx.AsyncClient, agent: Account, run_worker: RunWorker
) -> None:
    first, second = await assigned(client, agent), await assigned(client, agent, subject="Printer")
    await client.post(f"/api/v1/tickets/{first['id']}/messages", json={"body": "Anybody?", "by": "customer"})
    await run_worker("job", ATUM_WORKER_QUEUES="notifications")
    count = await answers(theirs, "/api/v1/notifications/unread-count", lambda found: found["unread"] == 3)
    assert count["by_kind"] == {"ticket.assigned": 2, "ticket.replied": 1}

    items = (await theirs.get("/api/v1/notifications")).json()["items"]
    assert {item["ticket_number"] for item in items} == {first["number"], second["number"]}
    [reply] = (await theirs.get("/api/v1/notifications?kind=ticket.replied")).json()["items"]
    assert (reply["title"], reply["read"], reply["body"]) == (f"#{first['number']} has a new reply", False, "VPN drops")
    both = await theirs.get("/api/v1/notifications?kind=ticket.replied&kind=ticket.assigned&limit=2")
    assert len(both.json()["items"]) == 2
    assert both.json()["next_cursor"]
    assert (await theirs.get("/api/v1/notifications?kind=nothing")).status_code == 422

    path = f"/api/v1/notifications/{reply['id']}"
    assert (await theirs.post(f"{path}/read")).json()["read"] is True
    assert (await theirs.post(f"{path}/unread")).json()["read_at"] is None
    assert (await client.post(f"{path}/unread")).status_code == 404

    async def marked(**which: Any) -> int:
        answer = await theirs.post("/api/v1/notifications/read-all", json=which)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["marked"])

    oldest = min(items, key=lambda item: item["created_at"])
    assert await marked(kinds=["ticket.replied"]) == 1
    assert await marked(until="2020-01-01T00:00:00Z") == 0
    assert await marked(ticket_id=oldest["ticket_id"], until=oldest["created_at"]) == 1
    assert (await theirs.post("/api/v1/notifications/read-all")).json() == {"marked": 1}
    assert (await theirs.get("/api/v1/notifications?unread=true")).json()["items"] == []
    wrong = await theirs.post("/api/v1/notifications/read-all", json={"until": "yesterday"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-request")


async def test_a_user_chooses_how_to_be_told(theirs: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    usual = await theirs.get(PREFERENCES)
    assert (usual.json()["timings"]["sla.breach"], usual.json()["digest_minutes"]) == (USUAL, 10)
    assert (usual.json()["timezone"], usual.json()["effective_timezone"], usual.headers["etag"]) == (
        None,
        "UTC",
        '"v0"',
    )

    quiet = [{"days": ["mon", "tue"], "from": "22:00", "to": "07:00"}]
    changed = await theirs.patch(
        PREFERENCES,
        json={"timings": {"sla.warning": {"email": "digest"}}, "quiet_hours": quiet, "timezone": "Europe/Vienna"},
        headers={"If-Match": usual.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["timings"]["sla.warning"] == {"in_app": "immediately", "email": "digest"}
    assert (changed.json()["quiet_hours"], changed.json()["effective_timezone"]) == (quiet, "Europe/Vienna")
    again = await theirs.patch(PREFERENCES, json={"digest_minutes": 60, "urgent_in_quiet_hours": True})
    assert (again.json()["quiet_hours"], again.json()["timezone"], again.json()["version"]) == (
        quiet,
        "Europe/Vienna",
        2,
    )
    stale = await theirs.patch(PREFERENCES, json={"digest_minutes": 5}, headers={"If-Match": changed.headers["etag"]})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/changed-meanwhile")

    replaced = await theirs.put(PREFERENCES, json={"timings": {"ticket.replied": {"email": "off"}}})
    assert (replaced.json()["quiet_hours"], replaced.json()["timezone"]) == ([], None)
    assert replaced.json()["timings"]["sla.warning"] == USUAL
    assert (await theirs.get(PREFERENCES)).json() == replaced.json()
    assert (await client.get(PREFERENCES)).json()["version"] == 0


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"timings": {"sla.breach": {"in_app": "digest"}}}, "invalid-preferences"),
        ({"timings": {"sla.breach": {"pigeon": "off"}}}, "invalid-request"),
        ({"timings": {"ticket.exploded": {"email": "off"}}}, "invalid-request"),
        ({"digest_minutes": 4}, "invalid-request"),
        ({"digest_minutes": 241}, "invalid-request"),
        ({"timezone": "Mars/Olympus"}, "unknown-time-zone"),
        ({"quiet_hours": [{"from": "22:00", "to": "22:00"}]}, "invalid-quiet-hours"),
        ({"quiet_hours": [{"from": "00:00", "to": "24:00"}]}, "invalid-quiet-hours"),
        ({"quiet_hours": [{"from": "10pm", "to": "07:00"}]}, "invalid-request"),
        ({"quiet_hours": [{"days": ["someday"], "from": "22:00", "to": "07:00"}]}, "invalid-request"),
        ({"pigeons": True}, "invalid-request"),
    ],
)
async def test_nobody_can_be_told_in_a_way_there_is_not(
    theirs: httpx.AsyncClient, body: dict[str, Any], problem: str
) -> None:
    for method in ("PATCH", "PUT"):
        answer = await theirs.request(method, PREFERENCES, json=body)
        assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{problem}")
    assert (await theirs.patch(PREFERENCES, json={"digest_minutes": None})).status_code == 422
    assert (await theirs.get(PREFERENCES)).json()["version"] == 0


async def test_an_admin_sees_why_somebody_was_not_told(
    client: httpx.AsyncClient,
    theirs: httpx.AsyncClient,
    agent: Account,
    connect: Connect,
    make_account: MakeAccount,
    run_worker: RunWorker,
) -> None:
    ticket = await assigned(client, agent)
    await run_worker("job", ATUM_WORKER_QUEUES="notifications")
    path = "/api/v1/notifications/deliveries"
    found = await answers(theirs, path, lambda page: len(page["items"]) == 2)
    by_channel = {item["channel"]: item for item in found["items"]}
    assert (by_channel["in_app"]["state"], by_channel["in_app"]["told_as"]) == ("sent", ["assignee"])
    assert (by_channel["email"]["state"], by_channel["email"]["reason"]) == ("suppressed", "no_mail_server")
    assert {item["ticket_number"] for item in found["items"]} == {ticket["number"]}

    only = f"{path}?user_id={agent.user_id}&ticket_id={ticket['id']}&channel=email&state=suppressed"
    assert [item["user_id"] for item in (await client.get(only)).json()["items"]] == [str(agent.user_id)]
    assert (await client.get(path)).json()["items"] == []
    assert (await theirs.get(only)).status_code == 200
    lead = connect((await make_account(UserRole.LEAD)).token)
    stranger = connect((await make_account(UserRole.ADMIN)).token)
    assert (await lead.get(only)).status_code == 403
    assert (await stranger.get(only)).json()["items"] == []


async def test_a_viewer_chooses_and_reads_too_and_a_visitor_does_not(
    connect: Connect, make_account: MakeAccount
) -> None:
    viewer = connect((await make_account(UserRole.VIEWER)).token)
    assert (await viewer.patch(PREFERENCES, json={"digest_minutes": 30})).status_code == 200
    assert (await viewer.post("/api/v1/notifications/read-all")).status_code == 200
    assert (await connect(None).get(PREFERENCES)).status_code == 401
