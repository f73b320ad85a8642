"""The index's upkeep over HTTP, with a real worker that reads files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.journeys.test_api_attachments import send
from tests.journeys.test_api_merging import opened
from tests.unit.attachments.documents import pdf_of

Connect = Callable[[str | None], httpx.AsyncClient]
REINDEX = "/api/v1/rag/reindex"


async def fail_all(settings: Settings, account: Account, reason: str) -> None:
    link = Link(settings, application="test")
    await link.fetch(
        "UPDATE rag_index_queue SET status = 'failed', attempts = 3, last_error = $2, locked_by = NULL "
        "WHERE organization_id = $1",
        account.organization_id,
        reason,
    )
    await link.close()


async def test_an_admin_queues_what_failed_and_sees_it_wait(
    client: httpx.AsyncClient, account: Account, settings: Settings
) -> None:
    ticket = await opened(client)
    await fail_all(settings, account, "no sound text")
    status = (await client.get("/api/v1/rag/status")).json()
    assert (status["pending"], status["failed"], status["last_error"]) == (0, 1, "no sound text")
    [reason] = status["reasons"]
    assert (reason["status"], reason["reason"], reason["tasks"]) == ("failed", "no sound text", 1)
    assert status["failures"][0]["source_id"] == ticket["id"]

    queued = await client.post(REINDEX, json={"what": "failed"})
    assert (queued.status_code, queued.json()) == (202, {"queued": 1, "by_type": {"ticket": 1}})
    status = (await client.get("/api/v1/rag/status")).json()
    assert (status["pending"], status["failed"], status["reasons"]) == (1, 0, [])
    assert (await client.post(REINDEX, json={})).json() == {"queued": 0, "by_type": {}}
    everything = await client.post(REINDEX, json={"what": "everything", "types": ["ticket", "kb"]})
    assert everything.json() == {"queued": 1, "by_type": {"ticket": 1}}


@pytest.mark.parametrize("body", [{"what": "half"}, {"types": []}, {"types": ["mail"]}, {"source_id": "x"}, {"all": 1}])
async def test_a_reindex_that_makes_no_sense_is_refused(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    refused = await client.post(REINDEX, json=body)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_only_admins_reindex_and_only_their_own(
    client: httpx.AsyncClient, account: Account, connect: Connect, make_account: MakeAccount, settings: Settings
) -> None:
    ticket = await opened(client)
    await fail_all(settings, account, "no")
    for role in (UserRole.VIEWER, UserRole.AGENT, UserRole.LEAD):
        colleague = connect((await make_account(role, organization=account)).token)
        assert (await colleague.post(REINDEX, json={})).status_code == 403
    assert (await connect(None).post(REINDEX, json={})).status_code == 401
    stranger = connect((await make_account()).token)
    for what in ("failed", "incomplete", "everything"):
        answer = await stranger.post(REINDEX, json={"what": what, "source_id": ticket["id"]})
        assert answer.json() == {"queued": 0, "by_type": {}}
    assert (await client.get("/api/v1/rag/status")).json()["failed"] == 1


async def test_a_file_tells_what_became_of_its_text(
    client: httpx.AsyncClient, run_worker: RunWorker, database: Database
) -> None:
    number = int((await opened(client))["number"])
    sent = {
        name: (await send(client, number, name=name, content=content)).json()
        for name, content in (
            ("router.log", b"error HL-0809 at gw-vienna-02"),
            ("invoice.pdf", pdf_of("Serial QX-4711")),
            ("locked.pdf", pdf_of("Secret", password="word")),
            ("noise.bin", bytes(range(256))),
        )
    }
    assert {name: file["text"] for name, file in sent.items()} == {
        "router.log": "waiting",
        "invoice.pdf": "waiting",
        "locked.pdf": "waiting",
        "noise.bin": "none",
    }
    await run_worker("job")
    for _ in range(300):
        files = (await client.get(f"/api/v1/tickets/{number}/attachments")).json()
        if not any(file["text"] == "waiting" for file in files):
            break
        await asyncio.sleep(0.1)
    found = {file["name"]: (file["text"], file["text_reason"]) for file in files}
    assert found == {
        "router.log": ("ready", None),
        "invoice.pdf": ("ready", None),
        "locked.pdf": ("unfit", "It is locked with a password."),
        "noise.bin": ("none", None),
    }
    assert (await client.get("/api/v1/rag/status")).json()["files"] == {"ready": 2, "unfit": 1}
