"""Merging tickets and their own fields over HTTP: roles, other organisations, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
VPN = {
    "subject": "VPN drops every ten minutes",
    "body": "Since this morning, with error HL-809.",
    "requester": {"email": "robin@example.test", "name": "Robin Vale"},
}


async def opened(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/tickets", json=VPN | changes)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_merged_ticket_names_its_heir_and_the_heir_its_tickets(client: httpx.AsyncClient) -> None:
    source, target = await opened(client, subject="VPN gone"), await opened(client)
    path = f"/api/v1/tickets/{source['number']}"

    merged = await client.post(f"{path}/merge", json={"into": target["number"]})
    reply = await client.post(f"{path}/messages", json={"body": "Hello?", "by": "customer"})
    patch = await client.patch(path, json={"priority": "high"})
    again = await client.post(f"{path}/merge", json={"into": target["id"]})
    seen = (await client.get(path)).json()
    listed = (await client.get("/api/v1/tickets", params={"status": "closed"})).json()["items"]

    assert merged.status_code == 200, merged.text
    heir = merged.json()
    assert (heir["id"], heir["status"], heir["merged_into"]) == (target["id"], "new", None)
    assert heir["absorbed"] == [{"id": source["id"], "number": source["number"], "subject": "VPN gone"}]
    assert heir["messages"][-1]["visibility"] == "internal"
    assert merged.headers["etag"] == f'"v{heir["version"]}"'
    assert (seen["status"], seen["merged_into"]["number"]) == ("closed", target["number"])
    assert [message["body"] for message in seen["messages"]] == [VPN["body"]]
    assert [ticket["merged_into_id"] for ticket in listed] == [target["id"]]
    for refused in (reply, patch, again):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/ticket-merged")
        assert refused.json()["detail"] == f"#{source['number']} was merged into #{target['number']}."


@pytest.mark.parametrize(
    ("into", "status", "problem"),
    [
        ("itself", 422, "/problems/merged-into-itself"),
        (999, 422, "/problems/merge-target-not-found"),
        (0, 422, "/problems/invalid-request"),
        ("a closed one", 409, "/problems/merge-target-closed"),
    ],
)
async def test_a_merger_that_makes_no_sense_is_refused(
    client: httpx.AsyncClient, into: int | str, status: int, problem: str
) -> None:
    source, closed = await opened(client), await opened(client)
    await client.post(f"/api/v1/tickets/{closed['id']}/status", json={"status": "closed"})
    named = {"itself": source["id"], "a closed one": closed["id"]}.get(str(into), into)

    answer = await client.post(f"/api/v1/tickets/{source['id']}/merge", json={"into": named})

    assert (answer.status_code, answer.json()["type"]) == (status, problem)
    assert (await client.get(f"/api/v1/tickets/{source['id']}")).json()["status"] == "new"


async def test_tickets_are_merged_by_agents_of_their_own_organisation(
    client: httpx.AsyncClient, account: Account, connect: Connect, make_account: MakeAccount
) -> None:
    source, target = await opened(client), await opened(client)
    path, body = f"/api/v1/tickets/{source['id']}/merge", {"into": target["id"]}
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    stranger = connect((await make_account()).token)
    theirs = await opened(stranger)

    assert (await viewer.post(path, json=body)).status_code == 403
    assert (await stranger.post(path, json=body)).status_code == 404
    assert (await agent.post(path, json={"into": theirs["id"]})).status_code == 422
    assert (await agent.post(path, json=body)).status_code == 200


async def test_fields_of_ones_own_are_given_changed_and_removed(client: httpx.AsyncClient) -> None:
    ticket = await opened(client, custom={"floor": 3, "vip": True, "site": "Graz"}, tags=["remote"])
    path = f"/api/v1/tickets/{ticket['id']}"

    changed = await client.patch(path, json={"custom": {"floor": 4.5, "site": None}, "tags": ["remote", "late"]})
    kinds = [event["kind"] for event in (await client.get(f"{path}/events")).json()]

    assert ticket["custom"] == {"floor": 3, "vip": True, "site": "Graz"}
    assert changed.json()["custom"] == {"floor": 4.5, "vip": True}
    assert (ticket["tags"], changed.json()["tags"]) == (["remote"], ["late", "remote"])
    assert {"ticket.custom_changed", "ticket.tags_changed"} <= set(kinds)


@pytest.mark.parametrize(
    "custom",
    [{"Floor": 1}, {"floor": [1]}, {"floor": "x" * 501}, {"floor": {"a": 1}}, {f"f{n}": n for n in range(51)}, None],
)
async def test_a_field_of_another_form_is_refused_at_opening_and_later(
    client: httpx.AsyncClient, custom: dict[str, Any] | None
) -> None:
    ticket = await opened(client)
    at_opening = await client.post("/api/v1/tickets", json=VPN | {"custom": custom})
    later = await client.patch(f"/api/v1/tickets/{ticket['id']}", json={"custom": custom})

    assert (at_opening.status_code, later.status_code) == (422, 422)
    assert later.json()["type"] == "/problems/invalid-request"


async def test_more_fields_than_fit_are_refused(client: httpx.AsyncClient) -> None:
    ticket = await opened(client, custom={f"f{n}": n for n in range(50)})
    answer = await client.patch(f"/api/v1/tickets/{ticket['id']}", json={"custom": {"one_more": 1}})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-custom-field")
