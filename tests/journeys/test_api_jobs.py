"""Jobs over HTTP: asked for, listed, read and set right."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
SNAPSHOT = {"job_type": "METRICS_SNAPSHOT", "payload": {"bucket_start": "2026-03-03T10:00:00Z"}}


async def kill(database: Database, organization_id: UUID, *jobs: str, error: str = "HTTP 503 for ticket 7") -> None:
    """Make jobs dead letters, as a worker would."""
    async with database.transaction(organization_id) as session:
        await session.execute(
            text(
                "UPDATE job_queue SET status = 'dead_letter', finished_at = clock_timestamp(), last_error = :error "
                "WHERE id = ANY (CAST(:jobs AS uuid[]))"
            ),
            {"jobs": list(jobs), "error": error},
        )


async def test_a_job_is_enqueued_with_every_wish_and_returned_whole(client: httpx.AsyncClient) -> None:
    wishes = {"priority": "high", "run_after": "2031-03-03T10:00:00Z", "max_retries": 2, "unique_key": "k"}
    made = await client.post("/api/v1/jobs", json=SNAPSHOT | wishes | {"queue_name": "metrics"})
    job = made.json()

    assert made.status_code == 201, job
    assert made.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert {name: job[name] for name in wishes} == wishes
    assert (job["status"], job["queue_name"], job["max_tries"]) == ("pending", "metrics", 3)
    read = (await client.get(made.headers["location"])).json()
    assert {name: read[name] for name in job} == job
    assert [event["event"] for event in read["events"]] == ["enqueued"]
    assert (read["children"], read["files"], read["worker"]) == ([], [], None)


async def test_a_live_job_with_the_unique_key_is_returned(client: httpx.AsyncClient) -> None:
    first = await client.post("/api/v1/jobs", json=SNAPSHOT | {"unique_key": "once"})
    again = await client.post("/api/v1/jobs", json=SNAPSHOT | {"unique_key": "once", "priority": "high"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]


async def test_tries_can_be_counted_either_way_but_not_two_ways_at_once(client: httpx.AsyncClient) -> None:
    async def made(**wishes: int) -> tuple[int, int | None, int | None]:
        answer = await client.post("/api/v1/jobs", json=SNAPSHOT | wishes)
        return answer.status_code, answer.json().get("max_retries"), answer.json().get("max_tries")

    assert await made() == (201, 5, 6)
    assert await made(max_tries=1) == (201, 0, 1)
    assert await made(max_retries=0) == (201, 0, 1)
    assert await made(max_retries=2, max_tries=3) == (201, 2, 3)
    assert (await made(max_retries=3, max_tries=3))[0] == 422
    assert (await made(max_tries=0))[0] == 422


@pytest.mark.parametrize(
    ("wrong", "problem", "pointer"),
    [
        ({"job_type": "NO_SUCH"}, "unknown-job-type", "#/job_type"),
        ({"payload": {}}, "invalid-payload", "#/payload/bucket_start"),
        ({"payload": {"bucket_start": "noon"}}, "invalid-payload", "#/payload/bucket_start"),
        ({"queue_name": "ai"}, "wrong-queue", None),
        ({"run_after": "2031-03-03T10:00:00Z", "delay_s": 5}, "invalid-request", "#"),
        ({"run_after": "2031-03-03T10:00:00"}, "invalid-request", "#"),
        ({"delay_s": -1}, "invalid-request", "#/delay_s"),
        ({"priority": "urgent"}, "invalid-request", "#/priority"),
        ({"surprise": 1}, "invalid-request", "#/surprise"),
    ],
)
async def test_a_job_that_does_not_fit_is_refused_field_by_field(
    client: httpx.AsyncClient, wrong: dict[str, object], problem: str, pointer: str | None
) -> None:
    answer = await client.post("/api/v1/jobs", json=SNAPSHOT | wrong)
    told = answer.json()
    assert (answer.status_code, told["type"]) == (422, f"/problems/{problem}"), told
    assert [error["pointer"] for error in told.get("errors", [])] == ([] if pointer is None else [pointer])
    if problem == "unknown-job-type":
        assert "TRIAGE_TICKET" in told["errors"][0]["detail"]


async def test_who_may_enqueue_is_said_by_the_job_type(connect: Connect, make_account: MakeAccount) -> None:
    agent, viewer = await make_account(UserRole.AGENT), await make_account(UserRole.VIEWER)
    triage = {"job_type": "TRIAGE_TICKET", "payload": {"ticket_id": str(uuid4())}}

    too_low = await connect(agent.token).post("/api/v1/jobs", json=SNAPSHOT)
    closed = await connect(agent.token).post("/api/v1/jobs", json={"job_type": "DELIVER_NOTIFICATION"})
    allowed = await connect(agent.token).post("/api/v1/jobs", json=triage)
    reader = await connect(viewer.token).post("/api/v1/jobs", json=triage)

    assert (too_low.status_code, too_low.json()["type"]) == (403, "/problems/role-too-low")
    assert too_low.json()["detail"] == "Enqueuing METRICS_SNAPSHOT takes the role admin; yours is agent."
    assert (closed.status_code, closed.json()["type"]) == (403, "/problems/job-type-not-open")
    assert "DELIVER_NOTIFICATION" in closed.json()["detail"]
    assert (allowed.status_code, reader.status_code) == (201, 403)


async def test_what_a_job_takes_is_shown_to_those_who_may_ask_for_it(
    connect: Connect, make_account: MakeAccount, account: Account, client: httpx.AsyncClient
) -> None:
    made = (await client.post("/api/v1/jobs", json=SNAPSHOT)).json()
    assert made["payload"] == {"bucket_start": "2026-03-03T10:00:00Z"}
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    assert (await agent.get(f"/api/v1/jobs/{made['id']}")).json()["payload"] is None
    assert [job["payload"] for job in (await agent.get("/api/v1/jobs")).json()["items"]] == [None]


async def test_a_batch_is_enqueued_whole_or_not_at_all(client: httpx.AsyncClient) -> None:
    keyed = SNAPSHOT | {"unique_key": "batch"}
    made = await client.post("/api/v1/jobs/batch", json={"jobs": [SNAPSHOT, keyed, keyed]})
    refused = await client.post("/api/v1/jobs/batch", json={"jobs": [SNAPSHOT, SNAPSHOT | {"payload": {}}]})
    too_many = await client.post("/api/v1/jobs/batch", json={"jobs": [SNAPSHOT] * 1001})
    full = await client.post("/api/v1/jobs/batch", json={"jobs": [SNAPSHOT] * 1000})
    listed = (await client.get("/api/v1/jobs", params={"with_total": True, "limit": 1})).json()

    first, second, third = made.json()
    assert made.status_code == 201
    assert (first["is_new"], second["is_new"], third["is_new"]) == (True, True, False)
    assert third["id"] == second["id"] != first["id"]
    assert refused.status_code == too_many.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/jobs/1/payload/bucket_start"
    assert refused.json()["detail"].startswith("Job 1: METRICS_SNAPSHOT does not take this")
    assert full.status_code == 201
    assert listed["total"] == 1002


async def test_jobs_are_listed_by_filters_a_page_at_a_time(
    client: httpx.AsyncClient, database: Database, organization_id: UUID
) -> None:
    wishes = [{"priority": "high"}, {"priority": "high", "delay_s": 3600}, {"unique_key": "k"}]
    made = [(await client.post("/api/v1/jobs", json=SNAPSHOT | each)).json() for each in wishes]
    await kill(database, organization_id, made[0]["id"], error="the 50% mark")

    async def ids(**filters: str) -> list[int]:
        listed = (await client.get("/api/v1/jobs", params=filters)).json()
        assert listed["total"] is None
        return [[job["id"] for job in made].index(job["id"]) for job in listed["items"]]

    assert await ids() == [2, 1, 0]
    assert await ids(status="dead_letter") == [0]
    assert await ids(priority="high") == [1, 0]
    assert await ids(queue_name="metrics") == [2, 1, 0]
    assert await ids(queue_name="ai") == []
    assert await ids(unique_key="k") == [2]
    assert await ids(parent_id=str(uuid4())) == []
    assert await ids(error="50% M") == [0]
    assert await ids(since=made[1]["created_at"]) == [2, 1]
    assert await ids(before=made[1]["created_at"]) == [0]
    assert await ids(due_since=made[1]["run_after"]) == [1]
    assert await ids(due_before=made[2]["run_after"]) == [0]
    first = await client.get("/api/v1/jobs", params={"limit": 2})
    second = await client.get("/api/v1/jobs", params={"limit": 2, "cursor": first.json()["next_cursor"]})
    assert [job["id"] for job in second.json()["items"]] == [made[0]["id"]]
    assert second.json()["next_cursor"] is None


async def test_jobs_of_another_organisation_do_not_exist(
    client: httpx.AsyncClient, connect: Connect, make_account: MakeAccount
) -> None:
    job = (await client.post("/api/v1/jobs", json=SNAPSHOT)).json()["id"]
    other = connect((await make_account()).token)
    for answer in (
        await other.get(f"/api/v1/jobs/{job}"),
        await other.post(f"/api/v1/jobs/{job}/retry"),
        await other.post(f"/api/v1/jobs/{job}/cancel"),
    ):
        assert answer.status_code == 404
    assert (await other.get("/api/v1/jobs")).json()["items"] == []
    assert (await other.post("/api/v1/jobs/cancel", json={"ids": [job]})).json()["count"] == 0


async def test_a_job_is_cancelled_and_tried_again(client: httpx.AsyncClient) -> None:
    path = (await client.post("/api/v1/jobs", json=SNAPSHOT)).headers["location"]
    assert (await client.post(f"{path}/cancel")).json()["status"] == "cancelled"
    again = await client.post(f"{path}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/job-has-ended")
    assert (await client.post(f"{path}/retry")).json()["status"] == "pending"
    assert (await client.post(f"{path}/retry")).status_code == 409


async def test_dead_letters_are_grouped_by_cause_and_tried_again(
    client: httpx.AsyncClient, database: Database, organization_id: UUID
) -> None:
    made = [(await client.post("/api/v1/jobs", json=SNAPSHOT)).json()["id"] for _ in range(4)]
    for number, job in enumerate(made[:3]):
        await kill(database, organization_id, job, error=f"HTTP 503 for ticket {number}")
    await kill(database, organization_id, made[3], error="no such host")

    [busy, host] = (await client.get("/api/v1/jobs/dead")).json()
    assert (busy["cause"], busy["jobs"], busy["sample"]) == ("HTTP 503 for ticket <n>", 3, made[2])
    assert (host["cause"], host["jobs"]) == ("no such host", 1)
    asked = {"error": "http 503", "spread_s": 600, "limit": 2}
    some = (await client.post("/api/v1/jobs/retry", json=asked)).json()
    rest = (await client.post("/api/v1/jobs/retry", json=asked)).json()
    every = (await client.post("/api/v1/jobs/retry", json={"all": True})).json()
    assert (some["count"], set(some["ids"]), some["more"]) == (2, set(made[:2]), True)
    assert (rest["count"], rest["ids"], rest["more"]) == (1, [made[2]], False)
    assert every["ids"] == [made[3]]
    events = (await client.get(f"/api/v1/jobs/{made[0]}")).json()["events"]
    assert events[-1]["event"] == "replayed"


async def test_waiting_jobs_are_cancelled_by_what_they_have_in_common(
    client: httpx.AsyncClient, account: Account
) -> None:
    high = (await client.post("/api/v1/jobs", json=SNAPSHOT | {"priority": "high"})).json()["id"]
    await client.post("/api/v1/jobs", json=SNAPSHOT)
    cancelled = (await client.post("/api/v1/jobs/cancel", json={"priority": "high"})).json()
    assert cancelled == {"count": 1, "ids": [high], "more": False}
    events = (await client.get(f"/api/v1/jobs/{high}")).json()["events"]
    assert events[-1]["detail"] == f"cancelled by {account.email}"


@pytest.mark.parametrize("said", [{}, {"all": True, "job_type": "TRIAGE_TICKET"}, {"ids": []}, {"spread_s": 5}])
async def test_many_jobs_are_not_changed_by_accident(client: httpx.AsyncClient, said: dict[str, object]) -> None:
    assert (await client.post("/api/v1/jobs/retry", json=said)).status_code == 422


async def test_changing_many_jobs_takes_an_administrator(connect: Connect, make_account: MakeAccount) -> None:
    lead = connect((await make_account(UserRole.LEAD)).token)
    for path in ("retry", "cancel"):
        assert (await lead.post(f"/api/v1/jobs/{path}", json={"all": True})).status_code == 403
