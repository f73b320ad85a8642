"""Figures over HTTP: summaries, series, tables, back-fills, roles and other organisations."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from helpdesk.accounts.commands import create_company, create_user
from helpdesk.database.engine import Database
from helpdesk.metrics.catalogue import CATALOGUE
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus, UserRole
from helpdesk.settings import Settings
from helpdesk.tickets.commands import assign, change_status, open_ticket, reply
from helpdesk.tickets.requests import Actor, Requester
from tests.database.desk import open_a_desk, vpn_ticket
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.journeys.test_api_workers import _has_ended, _until

Connect = Callable[[str | None], httpx.AsyncClient]
MARCH = {"since": "2026-03-03T00:00:00Z", "until": "2026-03-05T00:00:00Z"}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@dataclass
class Desk:
    """A desk where Ada and Eve each solved a ticket on 3 March 2026, and one is open since the day before."""

    ada: Actor
    eve: Actor


@pytest.fixture
async def desk(database: Database, account: Account, settings: Settings) -> Desk:
    ada = await open_a_desk(database, account.organization_id)
    scope = {"organization_id": account.organization_id}
    async with database.transaction(account.organization_id) as session:
        user = await create_user(session, **scope, email="eve@desk.example", name="=Eve", role=UserRole.AGENT)
        await create_company(session, **scope, name="Initech", domains=["initech.example"])
        eve = Actor(AuthorKind.AGENT, user.id)
        await open_ticket(session, **scope, new=vpn_ticket(), actor=ada, now=at(2, 9), settings=settings)
        for minutes, actor in ((10, ada), (30, eve)):
            ticket = await open_ticket(
                session,
                **scope,
                new=vpn_ticket(priority=TicketPriority.HIGH, requester=Requester("bo@initech.example", "Bo")),
                actor=actor,
                now=at(3, 9),
                settings=settings,
            )
            done = at(3, 9) + timedelta(minutes=minutes)
            await assign(
                session, **scope, ticket_id=ticket.id, changes={"assignee": actor.id}, actor=actor, now=at(3, 9)
            )
            await reply(session, **scope, ticket_id=ticket.id, body="So.", actor=actor, now=done, settings=settings)
            await change_status(session, **scope, ticket_id=ticket.id, to=TicketStatus.SOLVED, actor=actor, now=done)
    return Desk(ada, eve)


def figure(figures: list[dict], metric: str, detail: str | None = None) -> dict:
    [found] = [one for one in figures if (one["metric"], one["detail"]) == (metric, detail)]
    return found


async def test_a_period_is_summed_up_beside_the_one_before_it(client: httpx.AsyncClient, desk: Desk) -> None:
    summary = (await client.get("/api/v1/metrics/summary", params=MARCH | {"by": "priority"})).json()

    assert summary["previous_since"] == "2026-03-01T00:00:00Z"
    created = figure(summary["total"], "tickets_created")
    assert (created["value"], created["previous"], created["change"]) == (2, 1, 1)
    answered = figure(summary["total"], "first_response_minutes_p50")
    assert (answered["value"], answered["previous"], answered["count"], answered["unit"]) == (20, None, 2, "minutes")
    assert figure(summary["total"], "first_response_business_minutes_p90")["value"] == pytest.approx(28)
    assert figure(summary["total"], "sla_met_share", "first_response")["value"] == 1
    assert [group["key"] for group in summary["groups"]] == ["high", "normal"]
    assert figure(summary["groups"][1]["figures"], "backlog")["value"] == 1


async def test_a_summary_can_be_of_a_few_metrics(client: httpx.AsyncClient, desk: Desk) -> None:
    asked = MARCH | {"metric": ["tickets_solved", "backlog"]}
    summary = (await client.get("/api/v1/metrics/summary", params=asked)).json()
    assert [one["metric"] for one in summary["total"]] == ["tickets_solved", "backlog"]
    models = (await client.get("/api/v1/metrics/ai", params=MARCH)).json()
    assert "tickets_solved" not in {one["metric"] for one in models["total"]}
    assert figure(models["total"], "draft_acceptance")["value"] is None
    companies = (await client.get("/api/v1/metrics/companies", params=MARCH)).json()
    assert [(group["name"], figure(group["figures"], "tickets_solved")["value"]) for group in companies["groups"]] == [
        ("Initech", 2)
    ]


async def test_figures_of_agents_are_for_leads_and_for_the_agents_themselves(
    client: httpx.AsyncClient, desk: Desk, connect: Connect, make_account: MakeAccount, account: Account
) -> None:
    for_lead = (await client.get("/api/v1/metrics/agents", params=MARCH)).json()
    assert {group["name"] for group in for_lead["groups"]} == {"Ada Agent", "=Eve"}

    agent = await make_account(UserRole.AGENT, organization=account)
    theirs = connect(agent.token)
    assert (await theirs.get("/api/v1/metrics/agents", params=MARCH)).json()["groups"] == []
    by_agent = await theirs.get("/api/v1/metrics/summary", params=MARCH | {"by": "agent"})
    assert by_agent.json()["groups"] == []
    assert figure(by_agent.json()["total"], "tickets_solved")["value"] == 2


async def test_a_back_fill_is_one_job_and_gives_series_and_a_table(
    client: httpx.AsyncClient,
    desk: Desk,
    run_worker: RunWorker,
    connect: Connect,
    make_account: MakeAccount,
    account: Account,
) -> None:
    asked = await client.post("/api/v1/metrics/backfill", json=MARCH)
    assert asked.status_code == 202
    again = await client.post("/api/v1/metrics/backfill", json=MARCH)
    assert again.json() == asked.json()
    await run_worker("job")
    job = await _until(client, f"/api/v1/jobs/{asked.json()['job_id']}", _has_ended)
    assert job["status"] == "completed", job
    assert job["result"]["days"] == 2
    assert job["progress"]["percent"] == 100

    series = await client.get("/api/v1/metrics/series", params=MARCH | {"metric": "backlog", "by": "priority"})
    [line] = series.json()["lines"]
    assert (line["key"], [point["value"] for point in line["points"]]) == ("normal", [1, 1])
    by_agent = MARCH | {"metric": "tickets_solved", "by": "agent"}
    lines = (await client.get("/api/v1/metrics/series", params=by_agent)).json()["lines"]
    assert {line["name"]: line["points"][0]["value"] for line in lines} == {"Ada Agent": 1, "=Eve": 1}

    table = await client.get("/api/v1/metrics/export.csv", params=MARCH)
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    solved = [(row["dimension"], row["name"], row["value"]) for row in rows if row["metric"] == "tickets_solved"]
    assert ("", "", "2.0") in solved
    assert ("agent", "'=Eve", "1.0") in solved, "a name that a spreadsheet would take for a formula"

    theirs = connect((await make_account(UserRole.VIEWER, organization=account)).token)
    ways = {
        "export.csv": {},
        "snapshots": {"granularity": "1d", "limit": "10000"},
        "series": {"metric": "tickets_solved", "by": "agent"},
    }
    for path, params in ways.items():
        shown = await theirs.get(f"/api/v1/metrics/{path}", params=MARCH | params)
        assert shown.status_code == 200
        assert str(desk.ada.id) not in shown.text
    others = connect((await make_account()).token)
    assert (await others.get("/api/v1/metrics/snapshots", params=MARCH | {"granularity": "1d"})).json() == []


@pytest.mark.parametrize(
    ("path", "params", "says"),
    [
        ("summary", {"since": "2026-03-05T00:00:00Z", "until": "2026-03-04T00:00:00Z"}, "before"),
        ("summary", {"since": "2020-03-05T00:00:00Z", "until": "2026-03-04T00:00:00Z"}, "400 days"),
        ("summary", {"metric": "happiness"}, "tickets_created"),
        ("summary", {"by": "mood"}, "by"),
        ("summary", {"since": "2026-03-05T00:00:00"}, "since"),
        ("series", {}, "metric"),
        ("series", {"metric": "backlog", "granularity": "15m", "since": "2026-01-01T00:00:00Z"}, "31 days"),
        ("export.csv", {"metric": "happiness"}, "happiness"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    client: httpx.AsyncClient, path: str, params: dict[str, str], says: str
) -> None:
    answer = await client.get(f"/api/v1/metrics/{path}", params={"until": "2026-06-01T00:00:00Z"} | params)
    assert answer.status_code == 422
    assert says in answer.text


@pytest.mark.parametrize(
    "span",
    [
        {"since": "2026-03-05T00:00:00Z", "until": "2026-03-05T00:00:00Z"},
        {"since": "2020-03-05T00:00:00Z", "until": "2026-03-05T00:00:00Z"},
        {"since": "2126-03-05T00:00:00Z", "until": "2126-03-06T00:00:00Z"},
    ],
)
async def test_a_back_fill_of_no_time_or_too_much_is_refused(client: httpx.AsyncClient, span: dict[str, str]) -> None:
    assert (await client.post("/api/v1/metrics/backfill", json=span)).status_code == 422


async def test_a_back_fill_takes_an_administrator(
    connect: Connect, make_account: MakeAccount, account: Account
) -> None:
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    assert (await lead.post("/api/v1/metrics/backfill", json=MARCH)).status_code == 403


async def test_the_catalogue_tells_of_every_metric(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/v1/metrics/catalogue")).json()
    assert [one["name"] for one in found] == [metric.name for metric in CATALOGUE]
    assert all(one["unit"] and one["description"] for one in found)
