"""Calendars over HTTP: made, changed in versions, previewed and removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from helpdesk.sla.policies.commands import create_policy
from tests.journeys.conftest import Account, MakeAccount, RunWorker

Connect = Callable[[str | None], httpx.AsyncClient]
PATH = "/api/v1/calendars"
WEEK = {day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
OFFICE: dict[str, Any] = {"name": "office", "timezone": "Europe/Vienna", "weekly": WEEK}


async def made(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=OFFICE | changes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_calendar_is_made_read_listed_and_removed(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        PATH, json=OFFICE | {"exceptions": {"2026-12-24": [["09:00", "12:00"]], "2026-12-25": []}, "note": "First"}
    )
    calendar = answer.json()
    path = answer.headers["location"]
    read = await client.get(path)
    listed = (await client.get(PATH)).json()["items"]
    removed = await client.delete(path)

    assert (answer.status_code, answer.headers["etag"]) == (201, '"v1"')
    assert (read.json(), read.headers["etag"]) == (calendar, '"v1"')
    assert calendar["version"] == 1
    assert calendar["weekly"] == WEEK
    assert calendar["exceptions"] == {"2026-12-24": [["09:00", "12:00"]], "2026-12-25": []}
    assert (calendar["note"], calendar["changed_by"], calendar["policies"]) == ("First", "Test", [])
    assert [(row["id"], row["name"], row["version"]) for row in listed] == [(calendar["id"], "office", 1)]
    assert removed.status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_lists_of_calendars_and_versions_come_in_pages(client: httpx.AsyncClient) -> None:
    ids = [(await made(client, name=f"Desk {number}"))["id"] for number in range(3)]
    first = (await client.get(PATH, params={"limit": 2})).json()
    second = (await client.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    path = f"{PATH}/{ids[0]}"
    for zone in ("Asia/Tokyo", "UTC"):
        assert (await client.patch(path, json={"timezone": zone})).status_code == 200
    newest = (await client.get(f"{path}/versions", params={"limit": 2})).json()
    oldest = (await client.get(f"{path}/versions", params={"cursor": newest["next_cursor"]})).json()

    assert [row["id"] for row in first["items"] + second["items"]] == ids
    assert second["next_cursor"] is None
    assert [row["version"] for row in newest["items"] + oldest["items"]] == [3, 2, 1]
    assert (await client.get(f"{path}/versions", params={"cursor": "W10"})).status_code == 422


async def test_a_change_makes_a_version_and_versions_stay_as_they_were(client: httpx.AsyncClient) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    changed = await client.patch(
        path,
        json={"weekly": {"mon": [["22:00", "06:00"]]}, "note": "Night shift"},
        headers={"If-Match": '"v1"'},
    )
    versions = (await client.get(f"{path}/versions")).json()["items"]
    first = (await client.get(f"{path}/versions/1")).json()

    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2"')
    assert changed.json()["weekly"] == {"mon": [["22:00", "06:00"]]}
    assert changed.json()["timezone"] == "Europe/Vienna"
    assert [(row["version"], row["note"], row["changed_by"]) for row in versions] == [
        (2, "Night shift", "Test"),
        (1, None, "Test"),
    ]
    assert first["weekly"] == WEEK
    assert (await client.get(f"{path}/versions/9")).json()["type"] == "/problems/calendar-version-not-found"


async def test_a_change_that_is_none_makes_no_version(client: httpx.AsyncClient) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    same = {day: list(reversed(windows)) for day, windows in WEEK.items()} | {"sat": []}
    for body in ({}, {"weekly": same, "timezone": "Europe/Vienna", "note": "Nothing"}, {"name": "office 2"}):
        answer = await client.patch(path, json=body)
        assert (answer.status_code, answer.json()["version"]) == (200, 1)
    assert (await client.get(path)).json()["name"] == "office 2"


async def test_a_change_meant_for_an_older_version_is_refused(client: httpx.AsyncClient) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    await client.patch(path, json={"timezone": "UTC"}, headers={"If-Match": '"v1"'})
    for body in ({"timezone": "Asia/Tokyo"}, {"name": "late"}):
        late = await client.patch(path, json=body, headers={"If-Match": '"v1"'})
        assert (late.status_code, late.json()["type"]) == (412, "/problems/calendar-changed")
    assert (await client.get(path)).json()["timezone"] == "UTC"


async def test_two_changes_at_once_are_two_versions_unless_both_name_theirs(client: httpx.AsyncClient) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    zones = ["UTC", "Asia/Tokyo", "America/Lima", "Asia/Kathmandu"]
    free = await asyncio.gather(*[client.patch(path, json={"timezone": zone}) for zone in zones])
    versions = (await client.get(f"{path}/versions")).json()["items"]
    tag = (await client.get(path)).headers["etag"]
    guarded = await asyncio.gather(
        *[
            client.patch(path, json={"exceptions": {f"2030-01-0{n}": []}}, headers={"If-Match": tag})
            for n in range(1, 5)
        ]
    )

    assert [answer.status_code for answer in free] == [200] * 4
    assert sorted(row["version"] for row in versions) == [1, 2, 3, 4, 5]
    assert {row["timezone"] for row in versions} == {"Europe/Vienna", *zones}
    assert sorted(answer.status_code for answer in guarded) == [200, 412, 412, 412]


async def test_names_are_unique_even_for_two_at_once(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*[client.post(PATH, json=OFFICE) for _ in range(4)])
    other = await made(client, name="other")
    renamed = await client.patch(f"{PATH}/{other['id']}", json={"name": "office"})

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert (renamed.status_code, renamed.json()["type"]) == (409, "/problems/calendar-name-taken")


@pytest.mark.parametrize(
    ("changes", "problem", "words"),
    [
        ({"weekly": {}}, "calendar-never-open", "does not open"),
        ({"weekly": {}, "exceptions": {"2020-01-01": [["09:00", "17:00"]]}}, "calendar-never-open", "does not open"),
        ({"timezone": "Europe/Wien"}, "invalid-calendar", "timezone: 'Europe/Wien' is not an IANA time zone"),
        ({"weekly": {"mon": [["9:00", "17:00"]]}}, "invalid-calendar", "weekly.mon.0: '9:00' is not a time of day"),
        ({"exceptions": {"2026-02-30": []}}, "invalid-calendar", "exceptions.2026-02-30"),
        ({"weekly": {"monday": []}}, "invalid-request", "weekly"),
        ({"holidays": [{"country": "XX", "years": [2026]}]}, "unknown-holidays", "AD, AE, AF"),
    ],
)
async def test_hours_that_cannot_be_kept_are_refused(
    client: httpx.AsyncClient, changes: dict[str, Any], problem: str, words: str
) -> None:
    refused = await client.post(PATH, json=OFFICE | changes)
    assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{problem}")
    assert words in refused.json()["detail"]
    if problem != "invalid-request":
        kept = await made(client)
        late = await client.patch(f"{PATH}/{kept['id']}", json=changes)
        assert (late.status_code, late.json()["type"]) == (422, f"/problems/{problem}")
        assert (await client.get(f"{PATH}/{kept['id']}")).json() == kept


async def test_another_organisation_sees_nothing_and_viewers_change_nothing(
    client: httpx.AsyncClient, connect: Connect, account: Account, make_account: MakeAccount
) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    stranger = connect((await make_account()).token)
    bodies: list[tuple[str, str, Any]] = [
        ("GET", path, None),
        ("PATCH", path, {"timezone": "UTC"}),
        ("DELETE", path, None),
        ("GET", f"{path}/versions", None),
        ("GET", f"{path}/versions/1", None),
        ("GET", f"{path}/preview", None),
        ("POST", f"{path}/holidays", {"country": "AT", "years": [2027]}),
        ("POST", f"{path}/preview-change", {"timezone": "UTC"}),
    ]
    for method, where, body in bodies:
        assert (await stranger.request(method, where, json=body)).status_code == 404, (method, where)
    assert (await stranger.get(PATH)).json()["items"] == []

    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    for method, where, body in [*bodies, ("POST", PATH, OFFICE)]:
        wanted = 200 if method == "GET" else 403
        assert (await viewer.request(method, where, json=body)).status_code == wanted, (method, where)
        allowed = 200 if "preview" in where else wanted
        assert (await lead.request(method, where, json=body)).status_code == allowed, (method, where)
    assert (await viewer.post(f"{PATH}/preview", json={"timezone": "UTC", "always_open": True})).status_code == 200
    assert (await connect(None).get(PATH)).status_code == 401
    assert (await client.get(f"{PATH}/{uuid4()}")).status_code == 404


async def test_a_calendar_of_a_policy_stays_and_its_change_reaches_open_tickets(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    jobs = text("SELECT payload FROM job_queue WHERE job_type = 'RETARGET_CLOCKS' AND organization_id = :id")
    await client.patch(path, json={"timezone": "UTC"})
    async with database.transaction(account.organization_id) as session:
        unused = list(await session.scalars(jobs, {"id": account.organization_id}))
        await create_policy(
            session,
            organization_id=account.organization_id,
            name="standard",
            position=1,
            calendar="office",
            targets={"normal": {"resolution": 60}},
            is_default=True,
        )
    await client.patch(path, json={"timezone": "Asia/Tokyo"})
    refused = await client.delete(path)
    async with database.transaction(account.organization_id) as session:
        used = list(await session.scalars(jobs, {"id": account.organization_id}))

    assert unused == []
    assert [job["calendar_id"] for job in used] == [path.rsplit("/", 1)[1]]
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/calendar-in-use")
    assert "standard" in refused.json()["detail"]
    assert (await client.get(path)).json()["policies"] == ["standard"]


async def test_the_clocks_of_open_tickets_follow_the_new_hours(
    client: httpx.AsyncClient, account: Account, database: Database, run_worker: RunWorker
) -> None:
    calendar = await made(client, weekly={}, always_open=True)
    async with database.transaction(account.organization_id) as session:
        await create_policy(
            session,
            organization_id=account.organization_id,
            name="standard",
            position=1,
            calendar="office",
            targets={name: {"resolution": 60} for name in ("low", "normal", "high", "urgent")},
            is_default=True,
        )
    requester = {"email": "robin@example.test", "name": "Robin Vale"}
    ticket = (
        await client.post("/api/v1/tickets", json={"subject": "VPN", "body": "It drops.", "requester": requester})
    ).json()
    opened_at = datetime.fromisoformat(ticket["created_at"])
    opening_day = (opened_at + timedelta(days=3)).strftime("%a").lower()
    [before] = (await client.get("/api/v1/sla/clocks")).json()["items"]

    hours = {"always_open": False, "timezone": "UTC", "weekly": {opening_day: [["09:00", "17:00"]]}}
    foreseen = (await client.post(f"{PATH}/{calendar['id']}/preview-change", json=hours)).json()
    assert (await client.patch(f"{PATH}/{calendar['id']}", json=hours)).status_code == 200
    await run_worker("job", ATUM_WORKER_QUEUES="sla")
    async with asyncio.timeout(30):
        while (after := (await client.get("/api/v1/sla/clocks")).json()["items"])[0]["due_at"] == before["due_at"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    assert datetime.fromisoformat(before["due_at"]) == opened_at + timedelta(minutes=60)
    assert (foreseen["open_tickets"], foreseen["touched"]) == (1, 1)
    assert foreseen["changes"][0]["before"]["due_at"] == before["due_at"]
    assert foreseen["changes"][0]["after"]["due_at"] == after[0]["due_at"]
    due = (opened_at + timedelta(days=3)).replace(hour=10, minute=0, second=0, microsecond=0)
    assert datetime.fromisoformat(after[0]["due_at"]) == due
