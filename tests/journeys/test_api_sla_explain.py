"""The explanation of a ticket's clocks over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import httpx
import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.database.desk import open_a_desk
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
VPN = {"subject": "VPN drops", "body": "Since this morning.", "requester": {"email": "kim@customer.example"}}


@pytest.fixture
async def ticket(client: httpx.AsyncClient, database: Database, organization_id: UUID) -> dict:
    await open_a_desk(database, organization_id)
    answer = await client.post("/api/v1/tickets", json=VPN | {"category": "security"})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_intervals_lie_end_to_end_and_add_up(client: httpx.AsyncClient, ticket: dict) -> None:
    await client.post(f"/api/v1/tickets/{ticket['number']}/messages", json={"body": "On it."})
    answer = await client.get(f"/api/v1/tickets/{ticket['number']}/sla/explain")
    assert answer.status_code == 200, answer.text
    explained = answer.json()
    assert explained["ticket_id"] == ticket["id"]
    (clock,) = explained["clocks"]
    assert (clock["metric"], clock["outcome"], clock["policy"]) == ("first_response", "met", "security (version 1)")
    assert [interval["reason"] for interval in clock["intervals"]] == ["Open around the clock."]
    assert sum(interval["counted_s"] for interval in clock["intervals"]) == clock["elapsed_s"]
    assert clock["intervals"][-1]["end"] == clock["stopped_at"]
    assert [mark["kind"] for mark in clock["marks"]] == ["started", "fulfilled"]
    assert clock["start_at"].endswith("Z")
    assert datetime.fromisoformat(clock["start_at"]) == datetime.fromisoformat(ticket["created_at"])


async def test_one_metric_at_another_time(client: httpx.AsyncClient, ticket: dict) -> None:
    path = f"/api/v1/tickets/{ticket['id']}/sla/explain"
    before = await client.get(path, params={"as_of": "2020-01-01T00:00:00Z"})
    assert before.json()["clocks"] == []
    assert (await client.get(path, params={"metric": "resolution"})).json()["clocks"] == []
    assert len((await client.get(path, params={"metric": "first_response"})).json()["clocks"]) == 1


async def test_what_cannot_be_explained_is_refused(client: httpx.AsyncClient, ticket: dict) -> None:
    path = f"/api/v1/tickets/{ticket['id']}/sla/explain"
    far = await client.get(path, params={"as_of": "2999-01-01T00:00:00Z"})
    assert (far.status_code, far.json()["type"]) == (422, "/problems/too-far-ahead")
    assert (await client.get(path, params={"as_of": "2026-03-03T10:00:00"})).status_code == 422
    assert (await client.get(path, params={"metric": "luck"})).status_code == 422
    assert (await client.get("/api/v1/tickets/999/sla/explain")).status_code == 404


async def test_a_viewer_may_read_it_and_another_organisation_may_not(
    connect: Connect, make_account: MakeAccount, account: Account, ticket: dict
) -> None:
    path = f"/api/v1/tickets/{ticket['id']}/sla/explain"
    viewer = await make_account(UserRole.VIEWER, organization=account)
    assert (await connect(viewer.token).get(path)).status_code == 200
    stranger = await make_account()
    assert (await connect(stranger.token).get(path)).status_code == 404
    assert (await connect(None).get(path)).status_code == 401
