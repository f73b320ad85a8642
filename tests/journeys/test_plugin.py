"""The plug-in of the documents, installed like any package, in an API and a worker process."""

from __future__ import annotations

import asyncio
import shutil
import time
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.conftest import Account, RunWorker
from tests.journeys.processes import REPOSITORY, Running, start

EXAMPLE = REPOSITORY / "docs/examples/plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example as pip does, without what builds packages: its modules, and what it tells of itself."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
    about = project["project"]
    for package in project["tool"]["setuptools"]["packages"]:
        shutil.copytree(EXAMPLE / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {module}" for name, module in entries.items())])
        for group, entries in about["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups))
    return site


@pytest.fixture
async def extended(process_environment: dict[str, str], installed: Path, tmp_path: Path) -> AsyncIterator[Running]:
    """Start an API that has the plug-in."""
    running = start(
        "api",
        "--port",
        "0",
        log_file=tmp_path / "extended-api.log",
        environment=process_environment | {"PYTHONPATH": str(installed)},
    )
    await running.wait_for_log(r"event=api_started")
    yield running
    assert await running.stop() == 0, running.log()


async def test_an_installed_plug_in_adds_a_job_type_to_the_api_and_the_workers(
    extended: Running, installed: Path, api_url: str, account: Account, run_worker: RunWorker
) -> None:
    started = await extended.wait_for_log(r"event=api_started .*?port=(\d+)")
    headers = {"Authorization": f"Bearer {account.token}"}
    asked = {"job_type": "CHECK_LINK", "payload": {"url": f"{api_url}/docs"}}
    async with (
        httpx.AsyncClient(base_url=api_url, headers=headers, trust_env=False) as without,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{started[1]}", headers=headers, trust_env=False) as client,
    ):
        types = {each["job_type"]: each for each in (await client.get("/api/v1/jobs/types")).json()}
        wrong = await client.post("/api/v1/jobs", json=asked | {"payload": {"url": "nonsense"}})
        unknown = await without.post("/api/v1/jobs", json=asked)
        made = await client.post("/api/v1/jobs", json=asked)
        await run_worker("job", PYTHONPATH=str(installed))
        job = await _ended(client, made.headers["location"])

    assert types["CHECK_LINK"]["plugin"] == "atum-desk-links"
    assert types["CHECK_LINK"]["payload_schema"]["required"] == ["url"]
    assert types["TRIAGE_TICKET"]["plugin"] is None
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/payload/url")
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/unknown-job-type")
    assert made.status_code == 201
    assert (job["status"], job["queue_name"]) == ("completed", "links"), job
    assert job["result"] == {"status": 405, "url": f"{api_url}/docs"}


async def test_a_worker_without_the_plug_in_leaves_its_jobs_to_others(
    extended: Running, account: Account, run_worker: RunWorker
) -> None:
    started = await extended.wait_for_log(r"event=api_started .*?port=(\d+)")
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{started[1]}",
        headers={"Authorization": f"Bearer {account.token}"},
        trust_env=False,
    ) as client:
        await run_worker("job")
        asked = {"job_type": "CHECK_LINK", "payload": {"url": "http://127.0.0.1:9/"}}
        made = await client.post("/api/v1/jobs", json=asked)
        await asyncio.sleep(3)
        job = (await client.get(made.headers["location"])).json()
    assert (job["status"], job["attempts"], job["retry_count"]) == ("pending", 0, 0), job


async def _ended(client: httpx.AsyncClient, path: str) -> dict:
    deadline = time.monotonic() + 30
    while (job := (await client.get(path)).json())["status"] in {"pending", "running"}:
        assert time.monotonic() < deadline, job
        await asyncio.sleep(0.1)
    return job
