"""The queue as a whole over HTTP: types, figures, workers, schedule, pauses and limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import httpx
import pytest

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount, RunWorker

Connect = Callable[[str | None], httpx.AsyncClient]
SNAPSHOT = {"job_type": "METRICS_SNAPSHOT", "payload": {"bucket_start": "2026-03-03T10:00:00Z"}}


@pytest.fixture
async def operator(connect: Connect, make_account: MakeAccount, account: Account) -> httpx.AsyncClient:
    """Return a client signed in as an operator of the organisation of `client`."""
    return connect((await make_account(UserRole.OPERATOR, organization=account)).token)


async def test_job_types_say_how_they_are_treated_and_what_they_take(client: httpx.AsyncClient) -> None:
    types = {each["job_type"]: each for each in (await client.get("/api/v1/jobs/types")).json()}
    triage, notify = types["TRIAGE_TICKET"], types["DELIVER_NOTIFICATION"]

    assert (triage["queue_name"], triage["priority"], triage["max_retries"], triage["timeout_s"]) == (
        "ai",
        "normal",
        3,
        300,
    )
    assert triage["enqueue_role"] == "agent"
    assert triage["description"].startswith("Suggest category")
    assert triage["payload_schema"]["properties"]["ticket_id"]["format"] == "uuid"
    assert (notify["enqueue_role"], notify["priority"], notify["plugin"]) == (None, "high", None)


async def test_counts_tell_how_the_queue_stands(client: httpx.AsyncClient) -> None:
    for wishes in ({}, {"priority": "high"}, {"delay_s": 600}):
        await client.post("/api/v1/jobs", json=SNAPSHOT | wishes)
    stats = (await client.get("/api/v1/jobs/stats/overview")).json()

    assert stats["by_status"] == {"pending": 3, "running": 0, "completed": 0, "cancelled": 0, "dead_letter": 0}
    assert stats["by_type"] == {"METRICS_SNAPSHOT": {"pending": 3}}
    assert stats["by_queue"] == {"metrics": {"pending": 3}}
    assert {name: counts["pending"] for name, counts in stats["by_priority"].items()} == {"high": 1, "low": 2}
    assert stats["delayed"] == 1
    assert 0 <= stats["oldest_due_s"] < 60
    assert {(lag["priority"], lag["due"]) for lag in stats["lags"]} == {("high", 1), ("low", 1)}


async def test_counts_are_kept_for_a_moment_and_each_organisation_has_its_own(
    client: httpx.AsyncClient, connect: Connect, make_account: MakeAccount
) -> None:
    first = (await client.get("/api/v1/jobs/stats/overview")).json()
    await client.post("/api/v1/jobs", json=SNAPSHOT)
    other = connect((await make_account()).token)
    await other.post("/api/v1/jobs", json=SNAPSHOT)

    assert (await client.get("/api/v1/jobs/stats/overview")).json() == first
    assert (await other.get("/api/v1/jobs/stats/overview")).json()["by_status"]["pending"] == 1


async def test_figures_tell_what_the_queue_did_and_the_machinery_to_administrators(
    client: httpx.AsyncClient, connect: Connect, make_account: MakeAccount, account: Account
) -> None:
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    figures = (await client.get("/api/v1/jobs/metrics/overview")).json()
    told = (await agent.get("/api/v1/jobs/metrics/overview")).json()

    assert [window["minutes"] for window in figures["windows"]] == [5, 15, 60]
    assert figures["times"] == dict.fromkeys(("wait_p50_s", "wait_p95_s", "run_p50_s", "run_p95_s"))
    assert figures["workers"]["workers"] == 0
    assert figures["tables"]["table_bytes"] > 0
    assert (told["workers"], told["tables"]) == (None, None)


async def test_a_worker_lives_and_shows_what_it_did(client: httpx.AsyncClient, run_worker: RunWorker) -> None:
    await run_worker("job")
    [worker] = (await client.get("/api/v1/jobs/workers")).json()
    assert (worker["kind"], worker["liveness"]) == ("job", "alive")
    assert not worker["types"] or "METRICS_SNAPSHOT" in worker["types"]
    assert isinstance(worker["stats"], dict)


async def test_the_schedule_is_shown(client: httpx.AsyncClient) -> None:
    schedule = {entry["name"]: entry for entry in (await client.get("/api/v1/jobs/cron")).json()}
    snapshot = schedule["metrics_snapshot"]
    assert (snapshot["job_type"], snapshot["enabled"]) == ("METRICS_SNAPSHOT", True)
    assert snapshot["next_tick"] is not None


async def test_a_paused_type_and_queue_are_shown_and_resumed(
    client: httpx.AsyncClient, operator: httpx.AsyncClient, account: Account
) -> None:
    await client.post("/api/v1/jobs", json=SNAPSHOT)
    paused = await operator.post("/api/v1/jobs/types/METRICS_SNAPSHOT/pause", json={"reason": "a test"})
    whole = await operator.post("/api/v1/queues/ai/pause", json={})
    queues = {queue["name"]: queue for queue in (await client.get("/api/v1/queues")).json()}
    types = {each["job_type"]: each for each in (await client.get("/api/v1/jobs/types")).json()}

    assert (paused.status_code, paused.json()["paused"], paused.json()["pause"]["reason"]) == (200, True, "a test")
    assert paused.json()["pause"]["paused_by"].startswith("operator")
    assert whole.json()["name"] == "ai"
    [snapshot] = [each for each in queues["metrics"]["types"] if each["name"] == "METRICS_SNAPSHOT"]
    assert (queues["metrics"]["paused"], snapshot["paused"], snapshot["pending"]) == (False, True, 1)
    assert queues["ai"]["paused"]
    assert types["METRICS_SNAPSHOT"]["paused"]
    assert types["TRIAGE_TICKET"]["paused"]
    assert not types["SLA_PREDICT"]["paused"]
    assert (await operator.post("/api/v1/jobs/types/METRICS_SNAPSHOT/resume")).json()["paused"] is False
    assert (await operator.post("/api/v1/queues/ai/resume")).json()["paused"] is False
    assert not any(queue["paused"] for queue in (await client.get("/api/v1/queues")).json())


async def test_a_limit_is_set_and_cleared(operator: httpx.AsyncClient) -> None:
    path = "/api/v1/queues/limits/type:SOME_TYPE"
    assert (await operator.put(path, json={"slots": 3})).json() == {"slots": 3}
    limits = {each["limit_key"]: each for each in (await operator.get("/api/v1/queues/limits")).json()}
    assert (limits["type:SOME_TYPE"]["slots"], limits["type:SOME_TYPE"]["running"]) == (3, 0)
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.delete(path)).status_code == 404
    assert (await operator.put(path, json={"slots": -1})).status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/queues/nonsense/pause", "/api/v1/jobs/types/NONSENSE/pause"])
async def test_what_there_is_not_cannot_be_paused(operator: httpx.AsyncClient, path: str) -> None:
    answer = await operator.post(path, json={})
    assert answer.status_code == 404
    assert "known are" in answer.json()["detail"]


async def test_what_concerns_everybody_takes_the_operator(
    client: httpx.AsyncClient, connect: Connect, make_account: MakeAccount, account: Account
) -> None:
    """An administrator may look, and not make an operator either."""
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    for path in ("queues/ai/pause", "queues/ai/resume", "jobs/types/TRIAGE_TICKET/pause"):
        assert (await client.post(f"/api/v1/{path}", json={})).status_code == 403
    assert (await client.put("/api/v1/queues/limits/x", json={"slots": 1})).status_code == 403
    assert (await client.delete("/api/v1/queues/limits/x")).status_code == 403
    for path in ("queues/limits", "jobs/cron", "jobs/workers"):
        assert (await client.get(f"/api/v1/{path}")).status_code == 200
        assert (await lead.get(f"/api/v1/{path}")).status_code == 403
    made = await client.post("/api/v1/users", json={"email": "o@example.test", "name": "O", "role": "operator"})
    assert (made.status_code, made.json()["type"]) == (403, "/problems/role-too-low")


async def test_what_happens_to_jobs_is_streamed(client: httpx.AsyncClient, connect: Connect, account: Account) -> None:
    before = (await client.post("/api/v1/jobs", json=SNAPSHOT)).json()["id"]
    follower = connect(account.token)
    async with follower.stream("GET", "/api/v1/jobs/events", params={"back": 1}) as stream, asyncio.timeout(30):
        lines = stream.aiter_lines()
        data = (json.loads(line[6:]) async for line in lines if line.startswith("data: "))
        first = await anext(data)
        made = (await client.post("/api/v1/jobs", json=SNAPSHOT)).json()["id"]
        second = await anext(data)
        await client.post(f"/api/v1/jobs/{made}/cancel")
        third = await anext(data)
    assert [(each["job_id"], each["event"]) for each in (first, second, third)] == [
        (before, "enqueued"),
        (made, "enqueued"),
        (made, "cancelled"),
    ]
    assert first["job_type"] == "METRICS_SNAPSHOT"
