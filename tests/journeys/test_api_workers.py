"""Work that is asked for over HTTP is done by a worker process and read back over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx

from tests.journeys.conftest import RunWorker


async def _until(client: httpx.AsyncClient, path: str, holds: Callable[[dict], bool], *, within_s: float = 30) -> dict:
    """Read a job until something holds of it."""
    deadline = time.monotonic() + within_s
    while not holds(job := (await client.get(path)).json()):
        assert time.monotonic() < deadline, job
        await asyncio.sleep(0.1)
    return job


def _has_ended(job: dict) -> bool:
    return job["status"] not in {"pending", "running"}


def _was_handed_back(job: dict) -> bool:
    return job["status"] == "pending" and any(event["event"] == "snoozed" for event in job["events"])


async def test_figures_asked_for_are_taken_by_a_worker(client: httpx.AsyncClient, run_worker: RunWorker) -> None:
    await run_worker("job")
    asked = {"job_type": "METRICS_SNAPSHOT", "payload": {"bucket_start": "2026-03-03T10:00:00Z"}}

    made = await client.post("/api/v1/jobs", json=asked)
    job = await _until(client, made.headers["location"], _has_ended)
    span = {"since": "2026-03-03T10:00:00Z", "until": "2026-03-03T10:15:00Z"}
    figures = (await client.get("/api/v1/metrics/snapshots", params=span)).json()
    workers = (await client.get("/api/v1/jobs/workers")).json()

    assert job["status"] == "completed", job
    assert [event["event"] for event in job["events"]][-1] == "completed"
    assert {figure["bucket_start"] for figure in figures} == {"2026-03-03T10:00:00Z"}
    assert [worker["kind"] for worker in workers] == ["job"]


async def test_work_waits_for_a_model_runtime_that_is_away(client: httpx.AsyncClient, run_worker: RunWorker) -> None:
    await client.post("/api/v1/tickets", json={"subject": "VPN drops", "body": "Since nine."})
    [queued] = (await client.get("/api/v1/jobs", params={"job_type": "TRIAGE_TICKET"})).json()["items"]
    await run_worker("job")

    job = await _until(client, f"/api/v1/jobs/{queued['id']}", _was_handed_back)

    assert job["retry_count"] == 0
