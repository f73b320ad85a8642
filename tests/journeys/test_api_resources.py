"""Articles, assets, jobs, clocks, notifications and figures over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from api.openapi import operations
from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
ARTICLE = {"title": "VPN error HL-809", "body": "# What to do\nRestart the client.", "tags": ["vpn"]}


async def test_an_article_is_drafted_published_changed_and_archived(
    client: httpx.AsyncClient, account: Account, database: Database
) -> None:
    made = await client.post("/api/v1/kb/articles", json=ARTICLE)
    path = made.headers["location"]
    published = await client.post(f"{path}/publish")
    changed = await client.patch(path, json={"body": "Reinstall it."}, headers={"If-Match": published.headers["etag"]})
    stale = await client.patch(path, json={"body": "Buy another."}, headers={"If-Match": published.headers["etag"]})
    read = (await client.get("/api/v1/kb/articles/vpn-error-hl-809")).json()
    versions = (await client.get(f"{path}/versions")).json()
    archived = (await client.post(f"{path}/archive")).json()

    assert (made.status_code, made.json()["state"]) == (201, "draft")
    assert published.json()["published_version"] == 1
    assert (changed.json()["number"], changed.json()["body"]) == (2, "Reinstall it.")
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/article-changed")
    assert (read["number"], read["body"]) == (1, ARTICLE["body"])
    assert [version["number"] for version in versions] == [2, 1]
    assert (archived["state"], archived["published_version"]) == ("archived", None)
    async with database.transaction(account.organization_id) as session:
        queued = await session.scalar(text("SELECT version FROM rag_index_queue WHERE source_type = 'kb'"))
    assert queued == 4


async def test_articles_come_in_pages(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.post("/api/v1/kb/articles", json=ARTICLE | {"title": f"Article {number}"})

    first = (await client.get("/api/v1/kb/articles", params={"limit": 2, "state": "draft"})).json()
    second = (await client.get("/api/v1/kb/articles", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    assert [item["title"] for item in first["items"] + second["items"]] == ["Article 2", "Article 1", "Article 0"]
    assert second["next_cursor"] is None


async def test_an_asset_is_registered_changed_and_removed(client: httpx.AsyncClient) -> None:
    made = await client.post("/api/v1/assets", json={"tag": "LT-1", "kind": "laptop", "name": "Corvo 14"})
    path = made.headers["location"]

    twice = await client.post("/api/v1/assets", json={"tag": "LT-1", "kind": "laptop", "name": "Another"})
    unknown_owner = await client.patch(path, json={"owner_id": "0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11"})
    changed = await client.patch(path, json={"location": "Vienna"})
    ticket = await client.post("/api/v1/tickets", json={"subject": "Broken", "body": "b", "assets": ["LT-1"]})
    found = (await client.get("/api/v1/assets", params={"q": "lt-1"})).json()["items"]
    removed = await client.delete(path)

    assert (twice.status_code, twice.json()["type"]) == (409, "/problems/asset-tag-taken")
    assert (unknown_owner.status_code, unknown_owner.json()["type"]) == (422, "/problems/contact-not-found")
    assert (changed.json()["location"], changed.json()["version"]) == ("Vienna", 2)
    assert [asset["tag"] for asset in ticket.json()["assets"]] == ["LT-1"]
    assert [asset["tag"] for asset in found] == ["LT-1"]
    assert removed.status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_a_job_is_enqueued_found_cancelled_and_tried_again(client: httpx.AsyncClient) -> None:
    ticket = (await client.post("/api/v1/tickets", json={"subject": "s", "body": "b"})).json()
    asked = {"job_type": "TRIAGE_TICKET", "payload": {"ticket_id": ticket["id"]}, "queue_name": "ai", "max_tries": 2}

    made = await client.post("/api/v1/jobs", json=asked)
    path = made.headers["location"]
    cancelled = await client.post(f"{path}/cancel")
    again = await client.post(f"{path}/retry")
    stats = (await client.get("/api/v1/jobs/stats/overview")).json()
    listed = (await client.get("/api/v1/jobs", params={"queue_name": "ai", "limit": 1})).json()

    assert made.status_code == 201
    assert cancelled.json()["status"] == "cancelled"
    assert (again.json()["status"], again.json()["max_tries"], again.json()["queue_name"]) == ("pending", 2, "ai")
    assert [event["event"] for event in again.json()["events"]] == ["enqueued", "cancelled", "replayed"]
    assert stats["by_type"]["TRIAGE_TICKET"] == {"pending": 2}
    assert listed["items"][0]["id"] == made.json()["id"]
    assert listed["next_cursor"] is not None
    assert (await client.post(f"{path}/retry")).json()["type"] == "/problems/job-not-replayable"


@pytest.mark.parametrize(
    ("job", "status", "problem"),
    [
        ({"job_type": "MAKE_COFFEE"}, 422, "/problems/unknown-job-type"),
        ({"job_type": "TRIAGE_TICKET", "payload": {"ticket_id": "x"}}, 422, "/problems/invalid-payload"),
        ({"job_type": "DELIVER_NOTIFICATION"}, 403, "/problems/job-type-not-open"),
        (
            {
                "job_type": "SLA_PREDICT",
                "payload": {"ticket_id": "0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11"},
                "queue_name": "ai",
            },
            422,
            "/problems/wrong-queue",
        ),
    ],
)
async def test_a_job_that_cannot_be_run_is_refused_at_once(
    client: httpx.AsyncClient, job: dict, status: int, problem: str
) -> None:
    answer = await client.post("/api/v1/jobs", json=job)

    assert (answer.status_code, answer.json()["type"]) == (status, problem)
    assert (await client.get("/api/v1/jobs")).json()["items"] == []


async def test_a_simulation_answers_each_case_by_itself(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    example = document["components"]["schemas"]["Simulation"]["example"]

    answer = await client.post("/api/v1/sla/simulate", json={"cases": [example, {"id": "broken"}]})

    assert answer.status_code == 200
    good, broken = answer.json()["cases"]
    assert good["checks"][0]["clocks"][0]["elapsed_pct"] == 50.0
    assert broken["error"]["code"] == "invalid_case"


async def test_a_search_finds_nothing_in_an_empty_index_and_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/rag/search", json={"query": "vpn error HL-809"})

    assert answer.status_code == 200
    assert answer.json()["results"] == []
    assert answer.json()["abstained"] is True
    assert answer.json()["degraded"] is True
    assert (await client.get("/api/v1/rag/status")).status_code == 200


async def test_a_notification_is_its_readers_own(
    client: httpx.AsyncClient, connect: Connect, account: Account, make_account: MakeAccount, database: Database
) -> None:
    async with database.transaction(account.organization_id) as session:
        await session.execute(
            text("""
                INSERT INTO notifications (id, organization_id, user_id, kind, title, body, data, dedupe_key)
                VALUES (gen_random_uuid(), :organization_id, :user_id, 'sla.warning', 'Due soon', '', '{}', 'one')
            """),
            {"organization_id": account.organization_id, "user_id": account.user_id},
        )
    colleague = connect((await make_account(organization=account)).token)

    [mine] = (await client.get("/api/v1/notifications")).json()["items"]
    before = (await client.get("/api/v1/notifications/unread-count")).json()
    refused = await colleague.post(f"/api/v1/notifications/{mine['id']}/read")
    read = await client.post(f"/api/v1/notifications/{mine['id']}/read")

    assert before == {"unread": 1, "by_kind": {mine["kind"]: 1}}
    assert refused.status_code == 404
    assert read.json()["read_at"] is not None
    assert (await colleague.get("/api/v1/notifications")).json()["items"] == []
    assert (await client.get("/api/v1/notifications", params={"unread": True})).json()["items"] == []


async def test_every_list_answers_an_organisation_that_has_nothing(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    plain = [
        path
        for path, method, operation in operations(document)
        if method == "get" and "{" not in path and "security" in operation and _is_list(operation)
    ]

    answers = {path: await client.get(path) for path in plain}

    assert len(plain) > 12
    assert {path: answer.status_code for path, answer in answers.items() if answer.status_code != 200} == {}


def _is_list(operation: dict[str, Any]) -> bool:
    is_stream = "text/event-stream" in operation["responses"]["200"].get("content", {})
    needs_more = any(parameter["required"] for parameter in operation.get("parameters", ()))
    return not is_stream and not needs_more


async def test_every_path_with_an_id_tells_that_there_is_nothing(connect: Connect, make_account: MakeAccount) -> None:
    client = connect((await make_account(UserRole.OPERATOR)).token)
    document = (await client.get("/api/v1/openapi.json")).json()
    nobody = "0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11"
    wrong = {}
    for path, method, operation in operations(document):
        # A country is chosen from a list, and no thing of its own.
        if "{" in path and "{country}" not in path and "requestBody" not in operation:
            # Embedding models have numbers.
            concrete = path.replace("/rag/models/{model_id}", "/rag/models/30000")
            concrete = concrete.replace("{number}", "1").replace("{kind}", "ticket")
            concrete = "/".join(nobody if step.startswith("{") else step for step in concrete.split("/"))
            answer = await client.request(method, concrete)
            if answer.status_code != 404:
                wrong[f"{method} {path}"] = answer.status_code

    assert wrong == {}
