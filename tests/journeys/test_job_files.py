"""Exports and reports asked for over HTTP, made by worker processes, one of which is killed, and downloaded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.database.transfer.exports import add_tickets
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.waiting import answers

JSONL = {"job_type": "EXPORT_TICKETS", "payload": {"format": "jsonl"}}
# A killed worker's jobs are taken over after two seconds.
QUICK = {"ATUM_LEASE_HEARTBEAT_S": "0.3", "ATUM_LEASE_TIMEOUT_S": "2", "ATUM_WORKER_QUEUES": "exports,reports"}

Connect = Callable[[str | None], httpx.AsyncClient]


async def ask(client: httpx.AsyncClient, job: dict[str, Any]) -> str:
    made = await client.post("/api/v1/jobs", json=job)
    assert made.status_code == 201, made.text
    return made.headers["location"]


def completed(job: dict) -> bool:
    assert job["status"] in {"pending", "running", "completed"}, job
    return job["status"] == "completed"


def checkpoint_of(job: dict) -> dict:
    return (job["progress"] or {}).get("checkpoint") or {}


def stored(process_environment: dict[str, str], organization_id: UUID) -> list[Path]:
    return sorted((Path(process_environment["ATUM_DATA_DIR"]) / "files" / "jobs" / str(organization_id)).iterdir())


@pytest.fixture
async def many_tickets(database: Database, account: Account) -> int:
    await add_tickets(database, account.organization_id, count=3000)
    return 3000


async def test_an_export_whose_worker_is_killed_goes_on_where_it_was(
    client: httpx.AsyncClient,
    account: Account,
    database: Database,
    many_tickets: int,
    process_environment: dict[str, str],
    run_worker: RunWorker,
) -> None:
    path = await ask(client, JSONL)
    blocker = await database.connect_raw(role="atum_owner")
    victim = await run_worker("job", **QUICK)
    await answers(client, path, lambda job: checkpoint_of(job).get("done", 0) >= 400)
    async with blocker.transaction():
        # Its next look at the tickets waits for this, so that it is killed in the middle whatever the machine's speed.
        await blocker.execute("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE")
        victim.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(victim.process.wait)
        killed_at = checkpoint_of((await client.get(path)).json())
    await blocker.close()
    assert 400 <= killed_at["done"] < many_tickets
    [half] = stored(process_environment, account.organization_id)
    with half.open("ab") as file:
        file.write(b'{"half a chunk, as a kill can leave it')

    await run_worker("job", **QUICK)
    job = await answers(client, path, completed)
    whole = await answers(client, await ask(client, JSONL), completed)

    assert job["crash_count"] == 1
    assert job["result"]["continued_after"] == killed_at["after"] > 0
    assert (job["result"]["count"], whole["result"]["continued_after"]) == (many_tickets, 0)
    continued, uninterrupted = stored(process_environment, account.organization_id)
    assert half.name not in {continued.name, uninterrupted.name}
    assert continued.read_bytes() == uninterrupted.read_bytes()
    assert {job["result"]["sha256"], whole["result"]["sha256"]} == {hashlib.sha256(continued.read_bytes()).hexdigest()}
    assert [json.loads(line)["number"] for line in continued.read_text("ascii").splitlines()] == list(
        range(1, many_tickets + 1)
    )


async def test_an_export_that_ran_out_of_time_goes_on_where_it_was(
    client: httpx.AsyncClient, database: Database, many_tickets: int, run_worker: RunWorker
) -> None:
    path = await ask(client, JSONL)
    blocker = await database.connect_raw(role="atum_owner")
    await blocker.execute("UPDATE job_queue SET timeout_s = 1, run_after = now() + interval '1 hour'")
    await run_worker("job", **QUICK)
    await blocker.execute("UPDATE job_queue SET run_after = now()")
    await answers(client, path, lambda job: checkpoint_of(job).get("done", 0) >= 200)
    async with blocker.transaction():
        await blocker.execute("LOCK TABLE tickets IN ACCESS EXCLUSIVE MODE")
        late = await answers(client, path, lambda job: job["retry_count"] == 1)
    assert late["last_error"] == "timed out after 1 s"
    await blocker.execute("UPDATE job_queue SET run_after = now(), timeout_s = 60 WHERE status = 'pending'")
    await blocker.close()
    job = await answers(client, path, completed)
    assert job["result"]["continued_after"] == checkpoint_of(late)["after"] > 0
    assert job["result"]["count"] == many_tickets


async def test_files_are_listed_and_downloaded_whole_or_in_part_by_who_may_ask_for_them(
    client: httpx.AsyncClient,
    account: Account,
    make_account: MakeAccount,
    connect: Connect,
    process_environment: dict[str, str],
    run_worker: RunWorker,
) -> None:
    await client.post("/api/v1/tickets", json={"subject": "=1+1", "body": "Since nine."})
    path = await ask(client, {"job_type": "EXPORT_TICKETS", "payload": {"format": "csv"}})
    assert (await client.get(f"{path}/files")).json() == []
    await run_worker("job", **QUICK)
    job = await answers(client, path, completed)

    [file] = (await client.get(f"{path}/files")).json()
    place = f"{path}/files/{file['name']}"
    whole = await client.get(place)
    part = await client.get(place, headers={"Range": "bytes=3-13", "If-Range": whole.headers["etag"]})

    assert (file["name"], file["sha256"]) == (job["result"]["name"], job["result"]["sha256"])
    assert hashlib.sha256(whole.content).hexdigest() == file["sha256"] == whole.headers["etag"].strip('"')
    assert b",'=1+1," in whole.content
    assert whole.headers["content-disposition"] == f'attachment; filename="{file["name"]}"'
    assert whole.headers["content-type"] == "text/csv; charset=utf-8"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert (part.status_code, part.content) == (206, whole.content[3:14])
    for role, status in ((UserRole.LEAD, 403), (UserRole.VIEWER, 403), (UserRole.ADMIN, 200)):
        colleague = connect((await make_account(role, organization=account)).token)
        assert [(await colleague.get(at)).status_code for at in (place, f"{path}/files")] == [status, status]
    stranger = connect((await make_account()).token)
    assert [(await stranger.get(at)).status_code for at in (place, f"{path}/files")] == [404, 404]
    assert (await client.get(f"{path}/files/..%2F..%2Fsecret")).status_code == 404

    for left in stored(process_environment, account.organization_id):
        left.unlink()
    gone = await client.get(place)
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/file-gone")


async def test_a_report_is_made_of_the_last_week_and_kept_when_its_job_is_pruned(
    client: httpx.AsyncClient, database: Database, account: Account, run_worker: RunWorker
) -> None:
    path = await ask(client, {"job_type": "SLA_REPORT", "payload": {}})
    wrong = await client.post("/api/v1/jobs", json={"job_type": "SLA_REPORT", "payload": {"week_start": "2026-03-03"}})
    ahead = await ask(client, {"job_type": "SLA_REPORT", "payload": {"week_start": "2999-12-30"}})
    await run_worker("job", **QUICK)
    job = await answers(client, path, completed)
    refused = await answers(client, ahead, lambda job: job["status"] == "cancelled")

    assert (wrong.status_code, "a week starts on a Monday" in wrong.text) == (422, True)
    assert "is not over yet" in refused["events"][-1]["detail"]
    async with database.transaction(account.organization_id) as session:
        await session.execute(text("DELETE FROM job_queue"))
    files = (await client.get(f"{path}/files")).json()
    assert [file["name"] for file in files] == sorted(job["result"]["files"])
    [html] = [file["name"] for file in files if file["name"].endswith(".html")]
    page = await client.get(f"{path}/files/{html}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in page.headers["content-security-policy"]
    assert f"SLA report {job['result']['week']}" in page.text
