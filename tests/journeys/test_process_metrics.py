"""The metrics of real processes: work comes over HTTP, and both sides count it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.conftest import Account
from tests.journeys.processes import Running, start
from tests.scraping import Samples, scrape
from tests.waiting import answers, eventually

SNAPSHOT = {"job_type": "METRICS_SNAPSHOT", "payload": {"bucket_start": "2026-03-03T10:00:00Z"}}


@pytest.fixture(scope="module")
def process_environment(process_environment: dict[str, str]) -> dict[str, str]:
    return process_environment | {
        "ATUM_METRICS_LISTEN": "127.0.0.1:0",
        "ATUM_WORKER_QUEUES": "metrics,METRICS_SNAPSHOT",
    }


async def metrics_port(process: Running) -> int:
    return int((await process.wait_for_log(r"event=metrics_served .*?port=(\d+)"))[1])


@pytest.fixture(scope="module")
async def worker(
    process_environment: dict[str, str], api_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    log_file = tmp_path_factory.mktemp("worker") / "job-worker.log"
    running = start("workers", "job", log_file=log_file, environment=process_environment)
    await running.wait_for_log("event=job_worker_started")
    yield running
    print(running.log())  # noqa: T201  -- shown by pytest when a test of the module fails
    assert await running.stop() == 0, running.log()


async def moved(port: int, before: Samples) -> Samples:
    return await scrape(port) - before


async def test_jobs_and_requests_are_counted_exactly_once_on_either_side(
    client: httpx.AsyncClient, api: Running, worker: Running
) -> None:
    api_port, worker_port = await metrics_port(api), await metrics_port(worker)
    api_before, worker_before = await scrape(api_port), await scrape(worker_port)

    jobs = [(await client.post("/api/v1/jobs", json=SNAPSHOT)).json()["id"] for _ in range(3)]
    for job in jobs:
        await answers(client, f"/api/v1/jobs/{job}", lambda found: found["status"] == "completed")
    assert (await client.get("/api/v1/jobs/nonsense")).status_code == 422
    assert (await client.get("/api/v1/nowhere/at/all")).status_code == 404

    # An answer is counted once it has been sent.
    await eventually(lambda: _nothing_in_flight(api_port))
    api_moved = await moved(api_port, api_before)
    answered = api_moved.by("atum_http_answer_seconds_count", "method", "route", "status")
    assert answered["POST", "/jobs", "2xx"] == 3
    assert answered["GET", "/jobs/{job_id}", "4xx"] == 1
    assert answered["GET", "unknown", "4xx"] == 1
    assert api_moved.by("atum_http_problems_total", "type") == {("invalid-request",): 1, ("not-found",): 1}

    await eventually(lambda: _ended(worker_port, worker_before, 3))
    worker_moved = await moved(worker_port, worker_before)
    kind = {"job_type": "METRICS_SNAPSHOT"}
    assert worker_moved.of("atum_job_attempts_total", **kind) == 3
    assert worker_moved.of("atum_job_pickup_seconds_count", **kind) == 3
    assert worker_moved.of("atum_job_handler_seconds_count", outcome="completed", **kind) == 3
    assert worker_moved.by("atum_job_stale_endings_total", "job_type") == {}


async def _nothing_in_flight(port: int) -> bool:
    return (await scrape(port)).of("atum_http_requests_in_flight") == 0


async def _ended(port: int, before: Samples, jobs: int) -> bool:
    return (await moved(port, before)).of("atum_job_endings_total", ending="completed") == jobs


async def test_each_process_shows_its_own_work_and_how_it_feels(api: Running, worker: Running) -> None:
    found = {name: await scrape(await metrics_port(process)) for name, process in (("api", api), ("job", worker))}
    for name, service in (("api", "api"), ("job", "job-worker")):
        assert found[name].of("atum_build_info", service=service) == 1
        assert found[name].of("process_resident_memory_bytes") > 10_000_000
    assert found["api"].of("atum_database_pool_connections", pool="api") >= 1
    assert found["api"].of("atum_database_pool_wait_seconds_count", pool="api") >= 1
    assert found["api"].of("atum_model_breaker_state", state="closed") >= 1
    assert found["job"].of("atum_worker_slots") > found["job"].of("atum_worker_slots_busy")

    async def looked_twice() -> bool:
        return all([(await scrape(await metrics_port(each))).of("atum_event_loop_lag_seconds_count") for each in both])

    both = (api, worker)
    await eventually(looked_twice)


async def test_what_only_the_database_knows_is_shown_by_the_worker(worker: Running) -> None:
    port = await metrics_port(worker)

    async def gathered() -> bool:
        return "atum_gathered_timestamp_seconds" in (await scrape(port)).names()

    await eventually(gathered)
    found = await scrape(port)
    assert found.of("atum_workers", kind="job") == 1
    assert found.of("atum_database_table_bytes", table="job_queue") > 0


async def test_the_same_metrics_come_as_openmetrics_to_who_asks_for_them(api: Running) -> None:
    port = await metrics_port(api)
    async with httpx.AsyncClient(trust_env=False) as visitor:
        plain = await visitor.get(f"http://127.0.0.1:{port}/metrics")
        asked = await visitor.get(
            f"http://127.0.0.1:{port}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert asked.text.endswith("# EOF\n")


async def test_a_metrics_port_that_is_taken_is_told_and_the_work_goes_on(
    process_environment: dict[str, str], api_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = process_environment | {"ATUM_METRICS_LISTEN": f"{port}"}
        running = start("workers", "sla", log_file=tmp_path / "sla.log", environment=environment)
        await running.wait_for_log(rf"event=metrics_not_served .*listen={port}")
        await running.wait_for_log("event=sla_check_completed")
        assert await running.stop() == 0, running.log()


async def test_a_figure_never_names_an_organisation_or_a_person(
    account: Account, client: httpx.AsyncClient, api: Running, worker: Running
) -> None:
    await client.get("/api/v1/tickets")
    for process in (api, worker):
        samples = await scrape(await metrics_port(process))
        said = " ".join(value for _, labels in samples.values for _, value in labels)
        assert not any(secret in said for secret in (str(account.organization_id), account.slug, account.email))
