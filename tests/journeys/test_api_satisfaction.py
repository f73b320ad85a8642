"""Customers rate a ticket by a link, without an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
SUBJECT = 'VPN <script>alert(1)</script> "drops"'
JSON = {"Accept": "application/json"}


@pytest.fixture
async def ticket(client: httpx.AsyncClient) -> dict:
    made = await client.post(
        "/api/v1/tickets",
        json={"subject": SUBJECT, "body": "A secret.", "requester": {"email": "kim@customer.example", "name": "Kim"}},
    )
    return made.json()


@pytest.fixture
async def link(client: httpx.AsyncClient, ticket: dict) -> str:
    made = await client.post(f"/api/v1/tickets/{ticket['number']}/satisfaction-link")
    assert made.status_code == 201
    return urlsplit(made.json()["url"]).path


@pytest.fixture
def customer(connect: Connect) -> httpx.AsyncClient:
    return connect(None)


async def test_a_customer_rates_a_ticket_and_changes_their_mind(
    client: httpx.AsyncClient, customer: httpx.AsyncClient, ticket: dict, link: str
) -> None:
    page = await customer.get(link)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-store"
    assert "&lt;script&gt;" in page.text
    assert "<script" not in page.text
    assert "A secret." not in page.text

    thanks = await customer.post(link, data={"score": "5", "comment": "Quick.\r\nThanks <b>Ada</b>"})
    assert thanks.status_code == 200
    assert "Thank you" in thanks.text
    changed = await customer.post(link, json={"score": 2, "comment": "It is back."}, headers=JSON)
    assert changed.json()["score"] == 2

    ratings = (await client.get(f"/api/v1/tickets/{ticket['id']}/satisfaction")).json()
    assert [(one["score"], one["superseded_at"] is None) for one in ratings] == [(2, True), (5, False)]
    assert ratings[1]["comment"] == "Quick.\nThanks <b>Ada</b>"
    events = (await client.get(f"/api/v1/tickets/{ticket['id']}/events")).json()
    items = events["items"] if isinstance(events, dict) else events
    told = [event for event in items if event["kind"] == "ticket.rated"]
    assert [(event["actor_kind"], event["data"]["score"], event["data"]["replaces"]) for event in told] == [
        ("customer", 5, None),
        ("customer", 2, 5),
    ]
    summary = (await client.get("/api/v1/metrics/summary", params={"metric": ["csat_share", "csat_score_mean"]})).json()
    assert [(one["value"], one["count"]) for one in summary["total"]] == [(0, 1), (2, 1)]


async def test_only_the_hash_of_a_link_is_kept(database: Database, account: Account, link: str) -> None:
    secret = link.rpartition("/")[2]
    async with database.transaction(account.organization_id) as session:
        kept = str((await session.execute(text("SELECT row_to_json(l) FROM satisfaction_links l"))).all())
    assert secret not in kept
    assert secret.partition("_")[2] not in kept


@pytest.mark.parametrize("change", ["expires_at = now() - interval '1 s'", "answered_at = now() - interval '8 days'"])
async def test_a_link_that_is_too_old_is_not_found(
    customer: httpx.AsyncClient, database: Database, account: Account, link: str, change: str
) -> None:
    async with database.transaction(account.organization_id) as session:
        await session.execute(text(f"UPDATE satisfaction_links SET {change}"))
    page, answer = await customer.get(link), await customer.post(link, json={"score": 4}, headers=JSON)
    assert (page.status_code, answer.status_code) == (404, 404)
    assert "not valid" in page.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_link_of_nobody_is_not_found(customer: httpx.AsyncClient, link: str, account: Account) -> None:
    of_another = link.replace(account.organization_id.hex, "0" * 32)
    for path in ("/api/v1/satisfaction/x", link[:-1] + ("A" if link[-1] != "A" else "B"), of_another):
        assert (await customer.get(path)).status_code == 404
        assert (await customer.post(path, data={"score": "5"})).status_code == 404


@pytest.mark.parametrize("data", [{}, {"score": "6"}, {"score": "x"}, {"score": "5", "comment": "x" * 2001}])
async def test_a_form_that_is_not_filled_in_is_shown_again(
    customer: httpx.AsyncClient, client: httpx.AsyncClient, ticket: dict, link: str, data: dict[str, str]
) -> None:
    page = await customer.post(link, data=data)
    assert page.status_code == 422
    assert "Please choose" in page.text
    assert (await customer.post(link, json={"score": 0}, headers=JSON)).status_code == 422
    assert (await client.get(f"/api/v1/tickets/{ticket['id']}/satisfaction")).json() == []


async def test_of_two_answers_at_once_one_counts(
    customer: httpx.AsyncClient, client: httpx.AsyncClient, ticket: dict, link: str
) -> None:
    other = urlsplit((await client.post(f"/api/v1/tickets/{ticket['id']}/satisfaction-link")).json()["url"]).path
    answers = await asyncio.gather(
        *(customer.post(path, json={"score": score}, headers=JSON) for path, score in ((link, 1), (other, 5)))
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    ratings = (await client.get(f"/api/v1/tickets/{ticket['id']}/satisfaction")).json()
    assert len(ratings) == 2
    assert sum(one["superseded_at"] is None for one in ratings) == 1


async def test_links_are_made_by_agents_of_the_organisation(
    connect: Connect, make_account: MakeAccount, account: Account, ticket: dict
) -> None:
    path = f"/api/v1/tickets/{ticket['id']}/satisfaction-link"
    viewer = await make_account(UserRole.VIEWER, organization=account)
    assert (await connect(viewer.token).post(path)).status_code == 403
    assert (await connect((await make_account()).token).post(path)).status_code == 404


async def test_who_calls_too_often_has_to_wait(customer: httpx.AsyncClient) -> None:
    answers = [await customer.get("/api/v1/satisfaction/nothing") for _ in range(61)]
    assert {answer.status_code for answer in answers} <= {404, 429}
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
