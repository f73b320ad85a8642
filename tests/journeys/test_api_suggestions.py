"""Suggestions, what agents make of them, and gaps of the knowledge base over HTTP, with workers and a real model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.models_fixture import embedding_server

__all__ = ["embedding_server"]

Connect = Callable[[str | None], httpx.AsyncClient]
SLUG = "vpn-error-hl-809-the-tunnel-drops"
ARTICLE = {
    "title": "VPN error HL-809: the tunnel drops",
    "body": "1. Quit the VPN client.\n2. Choose the gateway by hand.\n3. Restart the laptop if HL-809 comes back.",
}
TICKET = {"subject": "HL-809", "body": "The VPN tunnel drops every few minutes with HL-809."}
PARKING = ("Where can visitors park their car?", "Is there a parking space for visitors?", "Visitor parking, where?")


@pytest.fixture(scope="module")
def ollama_host(embedding_server: str) -> str:
    """Let the workers embed with the real model."""
    return embedding_server


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/v1{path}", json=body)
    assert answer.is_success, answer.text
    return dict(answer.json()) if answer.content else {}


async def get(client: httpx.AsyncClient, path: str, **asked: Any) -> Any:
    answer = await client.get(f"/api/v1{path}", params=asked)
    assert answer.is_success, answer.text
    return answer.json()


async def until(look: Callable[[], Any], what: str) -> Any:
    """Return what a look finds once it finds something."""
    for _ in range(300):
        if found := await look():
            return found
        await asyncio.sleep(0.2)
    pytest.fail(f"{what} did not happen")


async def indexed(client: httpx.AsyncClient) -> None:
    async def look() -> bool:
        status = await get(client, "/rag/status")
        return bool(status["pending"] == status["running"] == 0)

    await until(look, "the indexing")


async def suggested(client: httpx.AsyncClient, number: int) -> dict[str, Any]:
    return dict(await until(lambda: get(client, f"/tickets/{number}/kb-suggestions"), "the suggestion"))


async def test_a_suggestion_is_judged_cited_and_counted(
    client: httpx.AsyncClient, connect: Connect, account: Account, make_account: MakeAccount, run_worker: RunWorker
) -> None:
    await run_worker("job")
    await run_worker("rag")
    article = await post(client, "/kb/articles", ARTICLE)
    await post(client, f"/kb/articles/{article['id']}/publish", {})
    await indexed(client)
    ticket = await post(client, "/tickets", TICKET)
    found = await suggested(client, ticket["number"])
    item = found["items"][0]
    assert (item["title"], item["verdict"], found["abstained"], found["degraded"]) == (
        ARTICLE["title"],
        None,
        False,
        False,
    )
    assert "“HL-809”" in item["why"]
    assert item["highlights"]
    assert found["floor_reason"].startswith("The shipped floor")
    shown = (await get(client, f"/tickets/{ticket['number']}"))["suggestions"]["items"][0]
    assert shown == item

    path = f"/api/v1/kb/suggestions/{item['id']}/feedback"
    judged = await client.post(path, json={"verdict": "not_useful", "comment": "No."})
    changed = await client.post(path, json={"verdict": "useful"})
    assert (judged.json()["verdict"], judged.json()["comment"]) == ("not_useful", "No.")
    assert (changed.json()["verdict"], changed.json()["comment"]) == ("useful", None)
    assert (await client.post(path, json={"verdict": "perhaps"})).status_code == 422
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    assert (await viewer.post(path, json={"verdict": "useful"})).status_code == 403
    stranger = connect((await make_account()).token)
    refused = await stranger.post(path, json={"verdict": "useful"})
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/suggestion-not-found")

    await post(client, f"/tickets/{ticket['number']}/messages", {"body": f"Please see /kb/{SLUG}"})
    cited = await suggested(client, ticket["number"])
    assert cited["items"][0]["cited_at"] is not None
    stats = await get(client, "/kb/suggestions/stats")
    assert {name: stats["total"][name] for name in ("tickets", "shown", "useful", "cited", "precision")} == {
        "tickets": 1,
        "shown": 1,
        "useful": 1,
        "cited": 1,
        "precision": 1.0,
    }
    assert len(stats["weeks"]) == 1
    assert (await get(stranger, "/kb/suggestions/stats"))["total"]["tickets"] == 0
    for period in ({"since": "2026-01-02", "until": "2026-01-02"}, {"until": "0001-01-01"}, {"since": "1900-01-01"}):
        assert (await client.get("/api/v1/kb/suggestions/stats", params=period)).status_code == 422


async def test_what_is_asked_in_vain_becomes_a_gap_and_then_a_draft(
    client: httpx.AsyncClient, connect: Connect, account: Account, make_account: MakeAccount, run_worker: RunWorker
) -> None:
    await run_worker("job")
    await run_worker("rag")
    article = await post(
        client, "/kb/articles", {"title": "Order a keyboard", "body": "Keyboards come from the store."}
    )
    await post(client, f"/kb/articles/{article['id']}/publish", {})
    await indexed(client)
    assert (await get(client, "/kb/gaps"))["items"] == []
    for words in PARKING:
        ticket = await post(client, "/tickets", {"subject": words, "body": words})
        assert (await suggested(client, ticket["number"]))["abstained"] is True
    job = await post(client, "/kb/gaps/find", {})

    async def look() -> bool:
        return bool((await get(client, f"/jobs/{job['job_id']}"))["status"] == "completed")

    await until(look, "the search for gaps")
    gap = (await get(client, "/kb/gaps", state="open"))["items"][0]
    assert (gap["questions"], gap["tickets"], gap["state"], gap["trend"]) == (3, 3, "open", "rising")
    assert "visitor" in gap["label"]
    detail = await get(client, f"/kb/gaps/{gap['id']}")
    assert {member["text"].split("\n")[0] for member in detail["members"]} == set(PARKING)

    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    stranger = connect((await make_account()).token)
    assert (await viewer.get("/api/v1/kb/gaps")).status_code == 403
    assert (await get(stranger, "/kb/gaps"))["items"] == []
    hidden = await stranger.get(f"/api/v1/kb/gaps/{gap['id']}")
    assert (hidden.status_code, hidden.json()["type"]) == (404, "/problems/gap-not-found")

    path = f"/api/v1/kb/gaps/{gap['id']}"
    drafted = await client.post(f"{path}/draft")
    draft = (await client.get(drafted.headers["location"])).json()
    assert (drafted.status_code, draft["state"], draft["visibility"]) == (201, "draft", "agents")
    assert "## What people ask" in draft["body"]
    again = await client.post(f"{path}/draft")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/gap-decided")
    assert (await client.post(f"{path}/dismiss", json={})).status_code == 422
    dismissed = (await client.post(f"{path}/dismiss", json={"reason": "The reception tells them."})).json()
    assert (dismissed["state"], dismissed["reason"]) == ("dismissed", "The reception tells them.")
    assert (await client.post(f"{path}/reopen")).json()["state"] == "drafted"
