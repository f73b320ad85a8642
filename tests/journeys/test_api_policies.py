"""Policies over HTTP: made, changed in versions, ordered, archived, and tried out before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from helpdesk.sla.calendars.commands import create_calendar
from tests.journeys.conftest import Account, MakeAccount, RunWorker

Connect = Callable[[str | None], httpx.AsyncClient]
PATH = "/api/v1/sla/policies"
TARGETS = {"urgent": {"first_response": 30}, "normal": {"first_response": 240, "resolution": 960}}
STANDARD: dict[str, Any] = {"name": "Standard", "calendar": "always", "targets": TARGETS, "is_default": True}
GOLD: dict[str, Any] = {
    "name": "Gold",
    "calendar": "always",
    "targets": {"normal": {"first_response": 60}},
    "conditions": {"all": [{"field": "tags", "op": "contains", "value": "gold"}]},
}


@pytest.fixture(autouse=True)
async def calendar(database: Database, organization_id: UUID) -> UUID:
    async with database.transaction(organization_id) as session:
        made = await create_calendar(
            session,
            organization_id=organization_id,
            name="always",
            definition={"timezone": "UTC", "always_open": True},
            now=datetime.now(UTC) - timedelta(days=1),
        )
    return made.id


async def made(client: httpx.AsyncClient, body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=body | changes)
    assert answer.status_code == 201, answer.text
    policy: dict[str, Any] = answer.json()
    return policy


async def opened(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    requester = {"email": "kim@customer.example", "name": "Kim"}
    answer = await client.post(
        "/api/v1/tickets", json={"subject": "VPN", "body": "It drops.", "requester": requester} | fields
    )
    assert answer.status_code == 201, answer.text
    ticket: dict[str, Any] = answer.json()
    return ticket


async def first_response(client: httpx.AsyncClient, ticket: dict[str, Any]) -> dict[str, Any]:
    clocks = (await client.get(f"/api/v1/tickets/{ticket['id']}/sla")).json()
    return next(clock for clock in clocks if clock["metric"] == "first_response")


async def test_a_policy_is_made_read_changed_and_looked_back_at(client: httpx.AsyncClient, calendar: UUID) -> None:
    answer = await client.post(PATH, json=GOLD | {"note": "First", "actions": {"90": [{"do": "tag", "tag": "late"}]}})
    policy, path = answer.json(), answer.headers["location"]
    changed = await client.patch(path, json={"targets": TARGETS, "note": "More"}, headers={"If-Match": '"v1"'})
    unchanged = await client.patch(path, json={"targets": TARGETS, "valid_from": None}, headers={"If-Match": '"v2"'})
    renamed = await client.patch(path, json={"name": "Platinum"})
    outdated = await client.patch(path, json={"thresholds": [50]}, headers={"If-Match": '"v1"'})
    read = await client.get(path)
    versions = (await client.get(f"{path}/versions", params={"limit": 1})).json()
    older = (await client.get(f"{path}/versions", params={"cursor": versions["next_cursor"]})).json()
    first = (await client.get(f"{path}/versions/1")).json()

    assert (answer.status_code, answer.headers["etag"], policy["position"]) == (201, '"v1"', 1)
    assert policy["version"]["calendar"] == {"id": str(calendar), "name": "always"}
    assert policy["version"]["thresholds"] == [75, 90, 100]
    assert [answer.headers["etag"] for answer in (changed, unchanged, renamed, read)] == [
        '"v2"',
        '"v2"',
        '"v2"',
        '"v2"',
    ]
    assert (outdated.status_code, outdated.json()["type"]) == (412, "/problems/changed-meanwhile")
    assert (read.json()["name"], read.json()["version"]["targets"]) == ("Platinum", TARGETS)
    assert [(version["number"], version["note"]) for version in versions["items"] + older["items"]] == [
        (2, "More"),
        (1, "First"),
    ]
    assert (first["made_by"], first["targets"], first["actions"]) == (
        "Test",
        GOLD["targets"],
        {"90": [{"do": "tag", "tag": "late"}]},
    )
    assert (await client.get(f"{path}/versions/3")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "problem", "detail"),
    [
        (
            GOLD | {"calendar": "office"},
            422,
            "policy-reference-unknown",
            "policy.calendar: there is no calendar 'office'",
        ),
        (
            GOLD | {"targets": {"normal": {"first_response": 0}}},
            422,
            "invalid-policy",
            "policy.targets.normal.first_response",
        ),
        (GOLD | {"targets": {"soon": {}}}, 422, "invalid-policy", "policy.targets.soon"),
        (GOLD | {"thresholds": [0]}, 422, "invalid-policy", "policy.thresholds.0"),
        (
            GOLD | {"conditions": {"all": [{"field": "vip", "op": "is", "value": "yes"}]}},
            422,
            "invalid-condition",
            "vip is compared",
        ),
        (GOLD | {"actions": {"60": []}}, 422, "invalid-policy", "policy.actions.60: there is no such threshold"),
        (GOLD | {"actions": {"often": []}}, 422, "invalid-policy", "policy.actions"),
        (GOLD | {"valid_from": "2026-12-01T00:00:00"}, 422, "invalid-policy", "policy.valid_from"),
        (GOLD | {"colour": "gold"}, 422, "invalid-request", "#/colour"),
        (GOLD | {"name": ""}, 422, "invalid-request", "#/name"),
        (GOLD | {"is_default": True}, 422, "invalid-policy", "has no conditions"),
    ],
)
async def test_what_is_wrong_with_a_policy_is_said(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, problem: str, detail: str
) -> None:
    for path in (PATH, f"{PATH}/preview"):
        answer = await client.post(path, json=body)
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{problem}"), answer.text
        assert detail in answer.json()["detail"]


async def test_policies_are_listed_in_order_by_pages_reordered_archived_and_restored(client: httpx.AsyncClient) -> None:
    ids = [(await made(client, GOLD, name=name))["id"] for name in ("One", "Two", "Three")]
    page = (await client.get(PATH, params={"limit": 2})).json()
    rest = (await client.get(PATH, params={"limit": 2, "cursor": page["next_cursor"]})).json()
    short = await client.post(f"{PATH}/reorder", json={"policy_ids": ids[:2]})
    ordered = await client.post(f"{PATH}/reorder", json={"policy_ids": ids[::-1]})
    archived = await client.post(f"{PATH}/{ids[1]}/archive")
    left = (await client.get(PATH)).json()["items"]
    gone = (await client.get(PATH, params={"state": "archived"})).json()["items"]
    refused = await client.patch(f"{PATH}/{ids[1]}", json={"name": "Four"})
    restored = await client.post(f"{PATH}/{ids[1]}/restore")
    again = (await client.get(PATH)).json()["items"]
    twice = await client.post(PATH, json=GOLD | {"name": "Two"})

    assert [[policy["name"] for policy in part["items"]] for part in (page, rest)] == [["One", "Two"], ["Three"]]
    assert (short.status_code, short.json()["detail"]) == (422, "The order leaves out 'Three'.")
    assert [policy["name"] for policy in ordered.json()["items"]] == ["Three", "Two", "One"]
    assert (archived.json()["active"], restored.json()["active"]) == (False, True)
    assert [[policy["name"] for policy in some] for some in (left, gone)] == [["Three", "One"], ["Two"]]
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/policy-archived")
    assert [policy["name"] for policy in again] == ["Three", "Two", "One"]
    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/policy-name-taken")


async def test_only_administrators_change_policies_and_nobody_sees_those_of_others(
    client: httpx.AsyncClient, connect: Connect, make_account: MakeAccount, account: Account
) -> None:
    path = f"{PATH}/{(await made(client, GOLD))['id']}"
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    stranger = connect((await make_account()).token)
    writes: list[tuple[str, Any]] = [
        (PATH, GOLD),
        (f"{path}/archive", None),
        (f"{path}/restore", None),
        (f"{PATH}/reorder", {"policy_ids": []}),
        ("/api/v1/jobs", {"job_type": "RETARGET_CLOCKS", "payload": {}}),
    ]
    for url, body in writes:
        assert (await lead.post(url, json=body)).status_code == 403, url
    assert (await lead.patch(path, json={"name": "x"})).status_code == 403
    order = {"policy_ids": [path.rsplit("/", 1)[1]]}
    previews: list[tuple[str, Any]] = [
        (f"{PATH}/preview", GOLD | {"name": "Silver"}),
        (f"{path}/preview", {}),
        (f"{path}/archive/preview", None),
        (f"{PATH}/reorder/preview", order),
    ]
    for url, body in previews:
        assert (await lead.post(url, json=body)).status_code == 200, url
        assert (await viewer.post(url, json=body)).status_code == 403, url
    assert (await client.post("/api/v1/jobs", json={"job_type": "RETARGET_CLOCKS", "payload": {}})).status_code == 201
    assert (await viewer.get(path)).status_code == 200
    assert (await connect(None).get(path)).status_code == 401
    assert (await stranger.get(PATH)).json()["items"] == []
    for url in (path, f"{path}/versions", f"{path}/versions/1"):
        assert (await stranger.get(url)).status_code == 404, url
    for url in (f"{path}/archive", f"{path}/restore", f"{path}/preview", f"{path}/archive/preview"):
        assert (await stranger.post(url, json={})).status_code == 404, url
    assert (await stranger.patch(path, json={"name": "x"})).status_code == 404
    for url in (f"{PATH}/reorder", f"{PATH}/reorder/preview"):
        assert (await stranger.post(url, json=order)).json()["type"] == "/problems/invalid-order"
    assert (await client.get(f"{PATH}/{uuid4()}")).json()["type"] == "/problems/policy-not-found"


async def test_a_preview_says_what_the_change_does_then(client: httpx.AsyncClient, run_worker: RunWorker) -> None:
    standard = await made(client, STANDARD)
    plain, golden = await opened(client), await opened(client, tags=["gold"])
    preview = (await client.post(f"{PATH}/preview", json=GOLD)).json()
    before = await first_response(client, golden)
    await made(client, GOLD)
    tighter = (await client.post(f"{PATH}/{standard['id']}/preview", json={"targets": {"normal": {}}})).json()
    await run_worker("job", ATUM_WORKER_QUEUES="sla")
    async with asyncio.timeout(30):
        while (after := await first_response(client, golden))["policy"] != "Gold":  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    assert (preview["open_tickets"], preview["looked_at"], preview["touched"], preview["truncated"]) == (2, 2, 1, False)
    first, second = preview["changes"]
    assert (first["number"], first["metric"], first["before"]["policy"], first["after"]["policy"]) == (
        golden["number"],
        "first_response",
        "Standard",
        "Gold",
    )
    assert (second["metric"], second["after"]["state"]) == ("resolution", "cancelled")
    assert first["before"]["due_at"] == before["due_at"]
    assert (first["after"]["due_at"], first["after"]["target_s"]) == (after["due_at"], 3600)
    # By then the golden ticket has not moved yet, and would be Gold's in any case.
    assert tighter["touched"] == 2
    assert (await first_response(client, plain))["policy"] == "Standard"
