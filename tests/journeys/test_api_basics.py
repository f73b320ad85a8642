"""What holds for every path: names, limits, problems, and a description of itself."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable

import httpx

from api.app import create_app
from api.openapi import operations
from helpdesk.models.values import UserRole
from helpdesk.settings import Settings
from tests.journeys.conftest import Account, MakeAccount
from tests.journeys.processes import Running

PROBLEM = "application/problem+json"


async def test_an_unknown_path_is_a_problem_with_the_name_of_the_request(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/nothing-here", headers={"X-Request-ID": "mine-1"})

    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["x-request-id"] == "mine-1"
    problem = answer.json()
    assert problem["type"] == "/problems/not-found"
    assert problem["instance"] == "/api/v1/nothing-here"
    assert problem["request_id"] == "mine-1"


async def test_a_method_a_path_does_not_take_is_a_problem(client: httpx.AsyncClient) -> None:
    answer = await client.put("/api/v1/tickets", json={})

    assert answer.status_code == 405
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["type"] == "/problems/method-not-allowed"
    assert answer.headers["allow"]


async def test_a_name_that_could_forge_a_log_line_is_replaced(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/ready", headers={"X-Request-ID": "x status_code=200"})

    assert " " not in answer.headers["x-request-id"]
    assert len(answer.headers["x-request-id"]) == 32


async def test_a_body_over_a_million_bytes_is_refused_announced_or_not(client: httpx.AsyncClient) -> None:
    body = json.dumps({"subject": "large", "body": "x" * 1_000_001}).encode()

    async def in_pieces():
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    headers = {"Content-Type": "application/json"}
    announced = await client.post("/api/v1/tickets", content=body, headers=headers)
    streamed = await client.post("/api/v1/tickets", content=in_pieces(), headers=headers)

    for answer in (announced, streamed):
        assert answer.status_code == 413
        assert answer.headers["content-type"] == PROBLEM
    assert announced.json()["type"] == "/problems/body-too-large"
    assert (await client.get("/api/v1/tickets")).json()["items"] == []


async def test_what_is_wrong_is_told_value_by_value_without_repeating_it(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/tickets", json={"subject": "", "body": "b", "priority": "sky-high", "secret_field": "hunter2"}
    )

    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-request"
    assert {error["pointer"] for error in problem["errors"]} == {"#/subject", "#/priority", "#/secret_field"}
    assert "hunter2" not in answer.text
    assert "sky-high" not in answer.text


async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/tickets", params={"limit": 1000})

    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["limit"]


async def test_text_that_no_database_holds_is_a_problem_of_the_request(client: httpx.AsyncClient) -> None:
    nul = await client.post("/api/v1/tickets", json={"subject": "a\x00b", "body": "b"})
    surrogate = await client.post(
        "/api/v1/tickets",
        content=b'{"subject": "\\ud800", "body": "b"}',
        headers={"Content-Type": "application/json"},
    )
    not_json = await client.post("/api/v1/tickets", content=b"{", headers={"Content-Type": "application/json"})
    query = await client.get("/api/v1/tickets", params={"q": "a\x00b"})

    assert [nul.status_code, surrogate.status_code, not_json.status_code, query.status_code] == [422] * 4


async def test_the_log_has_one_line_for_each_request(client: httpx.AsyncClient, api: Running) -> None:
    await client.get("/api/v1/auth/me", headers={"X-Request-ID": "line-1"})

    line = (await api.wait_for_log(r".*request_id=line-1.*")).group()
    assert "event=request_completed" in line
    for field in ("method=GET", "path=/api/v1/auth/me", "status_code=200", "duration=0."):
        assert field in line


async def test_the_log_does_not_have_what_lets_a_customer_in(client: httpx.AsyncClient, api: Running) -> None:
    await client.get("/api/v1/satisfaction/somebodys-secret", headers={"X-Request-ID": "line-2"})

    line = (await api.wait_for_log(r".*request_id=line-2.*")).group()
    assert "/satisfaction/[hidden]" in line
    assert "somebodys-secret" not in line


async def test_no_answer_waits_for_an_acknowledgement(client: httpx.AsyncClient) -> None:
    async def took_ms() -> float:
        started = time.perf_counter()
        await client.get("/api/v1/auth/me")
        return (time.perf_counter() - started) * 1000

    # Headers and body are two writes: with Nagle's algorithm on, every answer takes 40 ms at least.
    assert min([await took_ms() for _ in range(30)]) < 35


async def test_every_answer_has_safe_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/ready")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_description_is_complete(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    found = list(operations(document))
    assert len(found) > 40
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, operation in found:
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert set(operation["tags"]) <= tags, (method, path)
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")) or status == "default":
                name = response["$ref"].rpartition("/")[2]
                assert list(document["components"]["responses"][name]["content"]) == [PROBLEM], (method, path)
        open_to_all = path.endswith(("/login", "/health", "/ready", "/satisfaction/{token}"))
        assert ("security" in operation) is not open_to_all, (method, path)
    identifiers = [operation["operationId"] for _, _, operation in found]
    assert len(set(identifiers)) == len(identifiers)


def test_no_path_is_answered_by_two_functions() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Duplicate Operation ID")

        assert create_app(Settings()).openapi()["paths"]


async def test_every_reference_in_the_description_leads_somewhere(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()

    def references(node: object):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(document))
    assert found
    for reference in found:
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


async def test_the_reference_page_needs_nothing_from_elsewhere(
    connect: Callable[[str | None], httpx.AsyncClient],
) -> None:
    answer = await connect(None).get("/docs")

    assert answer.status_code == 200
    assert "/api/v1/tickets" in answer.text
    assert "<script" not in answer.text
    assert "src=" not in answer.text


async def test_health_needs_no_token_and_says_what_is_away(connect: Callable[[str | None], httpx.AsyncClient]) -> None:
    answer = await connect(None).get("/api/v1/health")

    assert answer.status_code == 200
    health = answer.json()
    assert health["status"] == "degraded"
    assert health["components"]["database"]["state"] == "ok"
    assert health["components"]["embedding_model"]["state"] == "away"
    assert health["components"]["text_model"]["state"] == "away"
    assert health["components"]["queue"]["figures"]["dead_letter"] == 0
    assert (await connect(None).get("/api/v1/ready")).json() == {"status": "ready"}


async def test_a_viewer_reads_and_does_not_write(
    make_account: MakeAccount, account: Account, connect: Callable[[str | None], httpx.AsyncClient]
) -> None:
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)

    assert (await viewer.get("/api/v1/tickets")).status_code == 200
    refused = await viewer.post("/api/v1/tickets", json={"subject": "s", "body": "b"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "/problems/role-too-low"
    assert (await agent.post("/api/v1/teams", json={"slug": "t", "name": "T"})).status_code == 403
    assert (await viewer.post("/api/v1/notifications/read-all")).status_code == 200
