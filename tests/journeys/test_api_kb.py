"""The life of articles over HTTP, with a real worker for what is planned."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx
import pytest

from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.waiting import answers

Connect: TypeAlias = Callable[[str | None], httpx.AsyncClient]
KB = "/api/v1/kb/articles"
ARTICLE = {"title": "Reset your password", "body": "# How\n\nOpen the portal.", "tags": ["login"]}
FILE = "---\ntitle: VPN error\nstate: published\n---\n\nRestart the client.\n"


@pytest.fixture
async def agent(connect: Connect, make_account: MakeAccount, account: Account) -> httpx.AsyncClient:
    return connect((await make_account(UserRole.AGENT, organization=account)).token)


@pytest.fixture
async def lead(connect: Connect, make_account: MakeAccount, account: Account) -> httpx.AsyncClient:
    return connect((await make_account(UserRole.LEAD, organization=account)).token)


@pytest.fixture
async def viewer(connect: Connect, make_account: MakeAccount, account: Account) -> httpx.AsyncClient:
    return connect((await make_account(UserRole.VIEWER, organization=account)).token)


@pytest.fixture
async def stranger(connect: Connect, make_account: MakeAccount) -> httpx.AsyncClient:
    return connect((await make_account()).token)


async def draft(client: httpx.AsyncClient, **changes: Any) -> str:
    made = await client.post(KB, json=ARTICLE | changes)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def upload(data: bytes | str, name: str = "a.md") -> dict[str, Any]:
    return {"files": {"file": (name, data if isinstance(data, bytes) else data.encode())}}


def zipped(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return target.getvalue()


async def test_an_agent_writes_a_lead_sends_back_and_then_approves(
    agent: httpx.AsyncClient, lead: httpx.AsyncClient
) -> None:
    path = await draft(agent)
    refused = await agent.post(f"{path}/publish")
    handed_in = await agent.post(f"{path}/review", json={"note": "Please."})
    not_mine = await agent.post(f"{path}/approve")
    without_reason = await lead.post(f"{path}/reject", json={"note": ""})
    sent_back = await lead.post(f"{path}/reject", json={"note": "Which portal?"})
    again = await lead.post(f"{path}/reject", json={"note": "Which portal?"})
    await agent.patch(path, json={"body": "Open the desk's portal."})
    await agent.post(f"{path}/review")
    approved = await lead.post(f"{path}/approve")
    published = await agent.post(f"{path}/publish", json={"version": 2})
    history = (await agent.get(f"{path}/history")).json()["items"]

    assert problem(refused) == (403, "step-forbidden")
    assert (handed_in.json()["state"], handed_in.json()["review_version"]) == ("review", 1)
    assert problem(not_mine) == (403, "step-forbidden")
    assert problem(without_reason)[0] == 422
    assert sent_back.json()["state"] == "draft"
    assert problem(again) == (409, "step-refused")
    assert (approved.json()["approved_version"], approved.headers["etag"]) == (2, f'"v{approved.json()["version"]}"')
    assert (published.json()["state"], published.json()["published_version"]) == ("published", 2)
    assert [(step["kind"], step["to_state"]) for step in reversed(history)] == [
        ("created", "draft"),
        ("review_requested", "review"),
        ("rejected", "draft"),
        ("written", "draft"),
        ("review_requested", "review"),
        ("approved", "review"),
        ("published", "published"),
    ]
    assert history[4]["note"] == "Which portal?"


async def test_viewers_read_what_is_published_and_nothing_else(
    client: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    hidden, path = await draft(client, title="Draft"), await draft(client)
    await client.post(f"{path}/publish")
    await client.patch(path, json={"body": "Not yet."})

    listed = (await viewer.get(KB)).json()["items"]
    assert [item["title"] for item in listed] == [ARTICLE["title"]]
    assert (await viewer.get(f"{KB}/reset-your-password")).json()["body"] == ARTICLE["body"]
    for where in (hidden, f"{hidden}.md", f"{hidden}.html", f"{path}?version=2"):
        assert (await viewer.get(where)).status_code == 404, where
    for where in (f"{path}/versions", f"{path}/history", f"{path}/feedback", "/api/v1/kb/export"):
        assert (await viewer.get(where)).status_code == 403, where
    assert (await viewer.post(f"{path}/review")).status_code == 403
    assert (await viewer.get(KB, params={"state": "draft"})).json()["items"] == []


async def test_another_organisation_finds_nothing(client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    path = await draft(client)
    await client.post(f"{path}/publish")
    assert (await stranger.get(KB)).json()["items"] == []
    for method, where, body in (
        ("GET", path, None),
        ("GET", f"{path}.md", None),
        ("GET", f"{path}.html", None),
        ("GET", f"{path}/versions", None),
        ("GET", f"{path}/history", None),
        ("PATCH", path, {"title": "x"}),
        ("DELETE", path, None),
        ("POST", f"{path}/archive", None),
        ("POST", f"{path}/review", None),
        ("PUT", f"{path}/schedule", {}),
        ("POST", f"{path}/feedback", {"helpful": True}),
    ):
        answer = await stranger.request(method, where, json=body)
        assert answer.status_code == 404, (method, where)
    with zipfile.ZipFile(io.BytesIO((await stranger.get("/api/v1/kb/export")).content)) as archive:
        assert archive.namelist() == []


async def test_articles_are_found_by_words_product_language_owner_and_date(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: Account
) -> None:
    await draft(client, products=["Corvo 14"], language="de", body="Öffne das Portal, Fehler 0x8007.")
    path = await draft(agent, title="Printers", review_at="2026-01-01")
    await client.post(f"{path}/publish")

    async def found(**wanted: Any) -> list[str]:
        answer = await client.get(KB, params=wanted)
        assert answer.status_code == 200, answer.text
        return [item["title"] for item in answer.json()["items"]]

    assert await found(q="0x8007 portal") == ["Reset your password"]
    assert await found(q="portal printers") == ["Printers"]
    assert await found(q="100%") == []
    assert await found(product="Corvo 14") == ["Reset your password"]
    assert await found(language="de") == ["Reset your password"]
    assert await found(owner_id=str(account.user_id)) == ["Reset your password"]
    assert await found(review_due=True) == ["Printers"]
    assert (await client.get(path)).json()["review_due"] is True
    reviewed = await agent.post(f"{path}/reviewed", json={"next_at": "2040-01-01"})
    assert (reviewed.json()["review_at"], reviewed.json()["review_due"]) == ("2040-01-01", False)
    assert await found(review_due=True) == []
    assert problem(await agent.post(f"{path}/reviewed", json={"next_at": "2020-01-01"})) == (422, "date-passed")


async def test_versions_are_compared_and_an_earlier_one_comes_back(client: httpx.AsyncClient) -> None:
    path = await draft(client)
    await client.patch(path, json={"body": "# How\n\nPress F1."})
    diff = (await client.get(f"{path}/versions/1/diff")).json()
    back = await client.post(f"{path}/versions/1/restore")

    assert (diff["older"], diff["newer"], diff["added"], diff["removed"]) == (1, 2, 1, 1)
    assert "-Open the portal.\n+Press F1." in diff["diff"]
    assert (back.json()["number"], back.json()["body"]) == (3, ARTICLE["body"])
    assert (await client.get(f"{path}/versions/1/diff", params={"to": 3})).json()["diff"] == ""
    assert (await client.get(f"{path}/versions/7/diff")).status_code == 404


async def test_null_takes_a_value_away_and_what_is_left_out_stays(client: httpx.AsyncClient) -> None:
    path = await draft(client, source_url="https://x.example", review_at="2030-01-01", review_every_days=30)
    cleared = (await client.patch(path, json={"source_url": None, "owner_id": None, "review_at": None})).json()
    refused = await client.patch(path, json={"title": None})

    assert (cleared["source_url"], cleared["owner_id"], cleared["review_at"]) == (None, None, None)
    assert (cleared["review_every_days"], cleared["tags"]) == (30, ["login"])
    assert refused.status_code == 422
    assert problem(await client.patch(path, json={"owner_id": path.rpartition("/")[2]})) == (422, "editor-unknown")


async def test_whoever_saw_an_older_state_changes_nothing(client: httpx.AsyncClient) -> None:
    path = await draft(client)
    await client.patch(path, json={"tags": []})
    stale = {"If-Match": '"v1"'}
    for method, where, body in (
        ("POST", f"{path}/publish", None),
        ("POST", f"{path}/archive", None),
        ("POST", f"{path}/review", None),
        ("PUT", f"{path}/schedule", {}),
        ("DELETE", path, None),
    ):
        answer = await client.request(method, where, json=body, headers=stale)
        assert problem(answer) == (412, "article-changed"), where
    assert (await client.delete(path, headers={"If-Match": '"v2"'})).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_each_reader_has_one_vote(client: httpx.AsyncClient, viewer: httpx.AsyncClient) -> None:
    path = await draft(client)
    early = await client.post(f"{path}/feedback", json={"helpful": True})
    await client.post(f"{path}/publish")
    await viewer.post(f"{path}/feedback", json={"helpful": True})
    await client.post(f"{path}/feedback", json={"helpful": True})
    counts = await viewer.post(f"{path}/feedback", json={"helpful": False, "comment": "Which portal?"})
    said = (await client.get(f"{path}/feedback")).json()["items"]

    assert early.status_code == 404
    assert counts.json() == {"helpful": 1, "not_helpful": 1}
    assert (await client.get(path)).json()["votes"] == counts.json()
    assert sorted((vote["helpful"], vote["comment"]) for vote in said) == [(False, "Which portal?"), (True, "")]


async def test_an_article_is_shown_as_html_that_runs_nothing(client: httpx.AsyncClient) -> None:
    path = await draft(client, body="# Hi\n\n<script>alert(1)</script> [x](javascript:alert(1)) [y](https://y.example)")
    answer = await client.get(f"{path}.html")
    assert answer.headers["content-type"].startswith("text/html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "<h1>Hi</h1>" in answer.text
    assert "<script" not in answer.text
    assert 'href="javascript' not in answer.text
    assert '<a href="https://y.example">y</a>' in answer.text


async def test_what_is_planned_is_done_by_a_worker_at_its_time(
    client: httpx.AsyncClient, run_worker: RunWorker
) -> None:
    path = await draft(client)
    past = await client.put(f"{path}/schedule", json={"publish_at": "2020-01-01T00:00:00Z"})
    soon = datetime.now(UTC) + timedelta(seconds=3)
    planned = await client.put(
        f"{path}/schedule",
        json={"publish_at": soon.isoformat(), "archive_at": (soon + timedelta(days=1)).isoformat()},
    )
    assert problem(past) == (422, "plan-refused")
    assert (planned.json()["state"], planned.json()["publish_version"]) == ("draft", 1)

    await run_worker("job", ATUM_WORKER_QUEUES="articles")
    read = await answers(client, path, lambda body: body["state"] == "published")
    assert (read["publish_at"], read["archive_at"] is None) == (None, False)
    dropped = await client.delete(f"{path}/schedule")
    assert dropped.json()["archive_at"] is None
    kinds = [step["kind"] for step in (await client.get(f"{path}/history")).json()["items"]]
    assert kinds == ["unscheduled", "published", "scheduled", "created"]


async def test_files_are_imported_and_exported_and_imported_again(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    files = {"guides/vpn-error.md": FILE, "bad.md": "---\nvisiblity: agents\n---\n# x", "picture.png": "x"}
    tried = await client.post("/api/v1/kb/import", params={"dry_run": True}, **upload(zipped(files), "kb.zip"))
    taken = await client.post("/api/v1/kb/import", **upload(zipped(files), "kb.zip"))
    again = await client.post("/api/v1/kb/import", **upload(FILE, "vpn-error.md"))
    too_low = await agent.post("/api/v1/kb/import", **upload(FILE))
    download = await agent.get("/api/v1/kb/export")
    elsewhere = await stranger.post("/api/v1/kb/import", **upload(download.content, "kb.zip"))
    one = await client.get(f"{KB}/vpn-error.md")

    assert (tried.json()["dry_run"], tried.json()["created"], tried.json()["refused"]) == (True, 1, 1)
    assert (taken.json()["created"], taken.json()["refused"]) == (1, 1)
    refused = next(file for file in taken.json()["files"] if file["outcome"] == "refused")
    assert (refused["file"], refused["line"], refused["field"]) == ("bad.md", 2, "visiblity")
    assert again.json()["unchanged"] == 1
    assert too_low.status_code == 403
    assert download.headers["content-type"] == "application/zip"
    assert int(download.headers["content-length"]) == len(download.content)
    assert elsewhere.json()["created"] == 1
    assert one.headers["content-type"].startswith("text/markdown")
    with zipfile.ZipFile(io.BytesIO(download.content)) as archive:
        assert archive.read("vpn-error.md").decode() == one.text
    assert (await stranger.get(f"{KB}/vpn-error.md")).text == one.text


async def test_an_import_that_is_no_zip_no_form_or_too_large_is_refused(client: httpx.AsyncClient) -> None:
    damaged = await client.post("/api/v1/kb/import", **upload(b"PK\x03\x04 and no more", "kb.zip"))
    no_form = await client.post("/api/v1/kb/import", json={"file": FILE})
    large = await client.post("/api/v1/kb/import", **upload(b"x" * 10_000_001))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(30):
            archive.writestr(f"{number}.md", b"\0" * 10_000_000)
    unpacked = await client.post("/api/v1/kb/import", **upload(bomb.getvalue(), "kb.zip"))

    assert problem(damaged) == (422, "unreadable-archive")
    assert no_form.status_code == 415
    assert problem(large) == (413, "archive-too-large")
    assert problem(unpacked) == (413, "archive-too-large")
    assert (await client.get(KB)).json()["items"] == []
