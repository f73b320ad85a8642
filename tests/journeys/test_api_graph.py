"""The graph and alike tickets over HTTP: a real index, roles, other organisations, and what is refused."""

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
VPN = {
    "subject": "VPN connection drops every few minutes",
    "body": "Since this morning the VPN connection drops every few minutes.",
    "requester": {"email": "robin@example.test", "name": "Robin Vale"},
}
SLUG = "use-the-vpn-in-a-hotel"


@pytest.fixture(scope="module")
def ollama_host(embedding_server: str) -> str:
    """Let the workers embed with the real model."""
    return embedding_server


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(f"/api/v1{path}", json=body)
    assert answer.is_success, answer.text
    return dict(answer.json()) if answer.content else {}


async def indexed(client: httpx.AsyncClient) -> None:
    """Wait until nothing waits for the index."""
    for _ in range(300):
        status = (await client.get("/api/v1/rag/status")).json()
        if status["pending"] == status["running"] == 0:
            return
        await asyncio.sleep(0.2)
    pytest.fail("the index worker is not done")


async def solved_with_an_article(client: httpx.AsyncClient) -> dict[str, Any]:
    """Publish an article and return a ticket about an asset that was solved by it."""
    article = {"title": "Use the VPN in a hotel", "body": "Switch IPsec passthrough on.", "slug": SLUG}
    made = await post(client, "/kb/articles", {name: article[name] for name in ("title", "body")})
    await post(client, f"/kb/articles/{made['id']}/publish", {})
    await post(client, "/assets", {"tag": "KF-L-0412", "kind": "laptop", "name": "Corvo 14"})
    ticket = await post(client, "/tickets", VPN | {"assets": ["KF-L-0412"]})
    await post(client, f"/tickets/{ticket['number']}/messages", {"body": f"Please see /kb/{SLUG}"})
    await post(client, f"/tickets/{ticket['number']}/status", {"status": "solved", "resolution": "Passthrough."})
    return ticket


async def test_a_ticket_is_offered_as_the_same_with_the_article_that_solved_it(
    client: httpx.AsyncClient, run_worker: RunWorker
) -> None:
    solved = await solved_with_an_article(client)
    new = await post(client, "/tickets", VPN | {"subject": "VPN connection drops again every few minutes"})
    before = (await client.get(f"/api/v1/tickets/{new['number']}/similar")).json()
    assert (before["found_by"], before["waiting"]["count"]) == ("words", 0)

    await run_worker("rag")
    await indexed(client)

    answer = await client.get(f"/api/v1/tickets/{new['number']}/similar")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["found_by"] == "meaning"
    [same] = found["tickets"]
    assert (same["number"], same["status"], same["same_as"]) == (solved["number"], "solved", True)
    assert (same["same_requester"], same["same_asset"]) == (True, False)
    assert [article["slug"] for article in same["solved_by"]] == [SLUG]
    assert same["hint"] == f"Same as #{solved['number']}, solved by “Use the VPN in a hotel”."

    graph = (await client.get(f"/api/v1/graph/ticket/{new['number']}", params={"depth": 2})).json()
    shown = {(node["kind"], node["reference"], node["depth"]) for node in graph["nodes"]}
    assert shown == {
        ("ticket", str(new["number"]), 0),
        ("ticket", str(solved["number"]), 1),
        ("requester", "robin@example.test", 1),
        ("kb", SLUG, 2),
        ("asset", "KF-L-0412", 2),
    }
    kinds = sorted((edge["kind"], edge["origin"]) for edge in graph["edges"])
    assert kinds == [
        ("about", "explicit"),
        ("requested_by", "explicit"),
        ("requested_by", "explicit"),
        ("similar", "similarity"),
        ("solved_by", "rule"),
    ]
    [solution] = [edge for edge in graph["edges"] if edge["kind"] == "solved_by"]
    assert solution["evidence"] == f"Please see /kb/{SLUG}"
    assert graph["truncated"] is False
    for node in graph["nodes"]:
        if node["link"]:
            assert (await client.get(node["link"])).status_code == 200

    narrow = {"depth": 3, "kinds": "kb", "edges": ["cites", "solved_by"], "limit": 2}
    by_article = (await client.get(f"/api/v1/graph/ticket/{solved['id']}", params=narrow)).json()
    assert [node["reference"] for node in by_article["nodes"]] == [str(solved["number"]), SLUG]
    tight = (await client.get("/api/v1/graph/asset/kf-l-0412", params={"depth": 3, "limit": 2})).json()
    assert (len(tight["nodes"]), tight["truncated"]) == (2, True)


async def test_another_organisation_and_lower_roles_see_nothing(
    client: httpx.AsyncClient, connect: Connect, account: Account, make_account: MakeAccount
) -> None:
    ticket = await post(client, "/tickets", VPN)
    paths = [f"/api/v1/graph/ticket/{ticket['id']}", f"/api/v1/tickets/{ticket['id']}/similar"]
    stranger = connect((await make_account()).token)
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    for path in paths:
        assert (await agent.get(path)).status_code == 200
        assert (await stranger.get(path)).status_code == 404
        assert (await viewer.get(path)).status_code == 403
        assert (await connect(None).get(path)).status_code == 401
    for bad in ("limit=0", "limit=21", "hours=0", "hours=169"):
        assert (await agent.get(f"{paths[1]}?{bad}")).status_code == 422


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("/graph/ticket/4711", 404, "/problems/node-not-found"),
        ("/graph/kb/no-such-article", 404, "/problems/node-not-found"),
        ("/graph/asset/%00", 422, "/problems/invalid-request"),
        ("/graph/planet/1", 422, "/problems/invalid-request"),
        ("/graph/ticket/1?depth=4", 422, "/problems/invalid-request"),
        ("/graph/ticket/1?depth=0", 422, "/problems/invalid-request"),
        ("/graph/ticket/1?limit=501", 422, "/problems/invalid-request"),
        ("/graph/ticket/1?kinds=planet", 422, "/problems/invalid-request"),
        ("/graph/ticket/1?edges=loves", 422, "/problems/invalid-request"),
        ("/tickets/4711/similar", 404, "/problems/ticket-not-found"),
    ],
)
async def test_what_cannot_be_answered_is_refused(
    client: httpx.AsyncClient, path: str, status: int, problem: str
) -> None:
    answer = await client.get(f"/api/v1{path}")
    assert (answer.status_code, answer.json()["type"]) == (status, problem)
