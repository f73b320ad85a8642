"""Reports and predictions over HTTP: figures, tables, pages, roles and other organisations."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.models.values import TicketPriority, UserRole
from helpdesk.settings import Settings
from helpdesk.sla.prediction.commands import predict_breaches
from helpdesk.tickets.commands import open_ticket, reply
from helpdesk.tickets.requests import Actor
from tests.database.desk import open_a_desk, vpn_ticket
from tests.database.ticks import tick
from tests.journeys.conftest import Account, MakeAccount

Connect = Callable[[str | None], httpx.AsyncClient]
FORMULA = "=1+1"
MARCH = {"from": "2026-03-02", "to": "2026-03-08"}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@dataclass
class Desk:
    """A desk with two promises met and three broken in the week of 2 March 2026."""

    database: Database
    account: Account
    agent: Actor
    settings: Settings

    async def ticket(self, opened: datetime, *, answered: datetime | None = None, **changes: object) -> UUID:
        scope = {"organization_id": self.account.organization_id, "settings": self.settings, "actor": self.agent}
        async with self.database.transaction(self.account.organization_id) as session:
            ticket = await open_ticket(session, **scope, new=vpn_ticket(**changes), now=opened)
            if answered is not None:
                await reply(session, **scope, ticket_id=ticket.id, body="Try again.", now=answered)
        return ticket.id

    async def predict(self, ticket_id: UUID, now: datetime) -> None:
        async def nothing_more(_session: AsyncSession) -> None:
            """Stand where a job would be completed."""

        scope = {"organization_id": self.account.organization_id, "ticket_id": ticket_id}
        await predict_breaches(self.database, **scope, now=now, complete=nothing_more)

    async def pass_time(self, now: datetime) -> None:
        scope = {"organization_id": self.account.organization_id, "now": now}
        async with self.database.transaction(self.account.organization_id) as session:
            while (await tick(session, **scope)).processed:
                pass


@pytest.fixture
async def desk(database: Database, account: Account, settings: Settings) -> Desk:
    made = Desk(database, account, await open_a_desk(database, account.organization_id), settings)
    urgent = TicketPriority.URGENT
    await made.ticket(at(3, 9), answered=at(3, 9, 10), category="security")
    await made.ticket(at(3, 9), answered=at(3, 9, 20), priority=urgent, team="network")
    await made.ticket(at(3, 9), answered=at(3, 10), priority=urgent, subject=FORMULA)
    await made.pass_time(at(9, 7))
    return made


async def test_a_report_counts_promises_by_everything_they_have_in_common(
    client: httpx.AsyncClient, desk: Desk
) -> None:
    answer = await client.get("/api/v1/sla/report", params=MARCH)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["from"], report["to"], report["timezone"]) == ("2026-03-02", "2026-03-08", "UTC")
    assert {name: report["total"][name] for name in ("decided", "met", "breached", "compliance")} == {
        "decided": 5, "met": 2, "breached": 3, "compliance": 0.4,
    }  # fmt: skip
    assert set(report["groups"]) == {
        *("metric", "policy", "priority", "team", "agent", "company", "category", "week"),
    }
    for groups in report["groups"].values():
        assert sum(group["decided"] for group in groups) == 5
    agents = {group["key"]: (group["name"], group["met"], group["breached"]) for group in report["groups"]["agent"]}
    assert agents == {str(desk.agent.id): ("Ada Agent", 2, 1), None: ("unassigned", 0, 2)}
    narrow = await client.get(
        "/api/v1/sla/report",
        params=MARCH | {"group_by": "priority,week", "metric": "first_response", "team": "network"},
    )
    assert set(narrow.json()["groups"]) == {"priority", "week"}
    assert narrow.json()["total"]["decided"] == 1
    assert narrow.json()["filter"] == {"metric": ["first_response"], "policy": [], "team": ["network"], "priority": []}


async def test_a_report_is_a_table_too(client: httpx.AsyncClient, desk: Desk) -> None:
    by_format = await client.get("/api/v1/sla/report", params=MARCH | {"format": "csv", "group_by": "metric"})
    by_accept = await client.get(
        "/api/v1/sla/report", params=MARCH | {"group_by": "metric"}, headers={"Accept": "text/csv"}
    )
    assert by_format.content == by_accept.content
    assert by_format.headers["content-type"] == "text/csv; charset=utf-8"
    assert by_format.headers["content-disposition"] == 'attachment; filename="sla-2026-03-02-to-2026-03-08.csv"'
    rows = list(csv.DictReader(io.StringIO(by_format.content.decode("utf-8-sig"), newline="")))
    assert [(row["group"], row["name"], row["decided"], row["compliance_pct"]) for row in rows] == [
        ("all", "all", "5", "40.0"),
        ("metric", "first_response", "3", "66.7"),
        ("metric", "resolution", "2", "0.0"),
    ]


async def test_broken_promises_come_in_pages_with_their_explanation(client: httpx.AsyncClient, desk: Desk) -> None:
    first = (await client.get("/api/v1/sla/breaches", params=MARCH | {"limit": 2})).json()
    rest = (
        await client.get("/api/v1/sla/breaches", params=MARCH | {"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    late = first["items"][0]
    assert (late["metric"], late["agent"], late["overdue_s"]) == ("first_response", "Ada Agent", 1800)
    assert late["ticket"]["subject"] == FORMULA
    assert late["explanation"].startswith("30 min of open time were promised")
    assert [(part["kind"], part["counted_s"]) for part in late["intervals"]] == [("counted", 3600)]
    table = await client.get("/api/v1/sla/breaches", params=MARCH | {"limit": 2, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline="")))
    # What a spreadsheet would run is made text.
    assert rows[0]["subject"] == f"'{FORMULA}"
    following = await client.get(table.links["next"]["url"])
    assert following.content.decode("utf-8-sig").count("\r\n") == 2


@pytest.mark.parametrize(
    ("wrong", "type_"),
    [
        ({"from": "2026-03-08", "to": "2026-03-02"}, "/problems/period-refused"),
        ({"from": "2024-01-01", "to": "2026-03-02"}, "/problems/period-refused"),
        ({"group_by": "policy,shoe-size"}, "/problems/dimension-unknown"),
        ({"from": "yesterday"}, None),
        ({"metric": "happiness"}, None),
        ({"format": "pdf"}, None),
    ],
)
async def test_what_cannot_be_reported_is_refused(
    client: httpx.AsyncClient, wrong: dict[str, str], type_: str | None
) -> None:
    answer = await client.get("/api/v1/sla/report", params=wrong)
    assert answer.status_code == 422, answer.text
    assert type_ is None or answer.json()["type"] == type_


async def test_reports_are_for_leads_and_for_their_own_organisation(
    desk: Desk, connect: Connect, make_account: MakeAccount
) -> None:
    agent = await make_account(UserRole.AGENT, organization=desk.account)
    lead = await make_account(UserRole.LEAD, organization=desk.account)
    stranger = await make_account()
    for path in ("report", "breaches"):
        assert (await connect(agent.token).get(f"/api/v1/sla/{path}", params=MARCH)).status_code == 403
        assert (await connect(lead.token).get(f"/api/v1/sla/{path}", params=MARCH)).status_code == 200
    theirs = connect(stranger.token)
    assert (await theirs.get("/api/v1/sla/report", params=MARCH)).json()["total"]["decided"] == 0
    assert (await theirs.get("/api/v1/sla/breaches", params=MARCH)).json()["items"] == []


async def test_agents_find_tickets_and_clocks_by_risk(
    client: httpx.AsyncClient, desk: Desk, connect: Connect, make_account: MakeAccount
) -> None:
    fresh = await desk.ticket(at(9, 9), priority=TicketPriority.LOW)
    pressing = await desk.ticket(at(9, 9), priority=TicketPriority.HIGH)
    for ticket_id in (fresh, pressing):
        await desk.predict(ticket_id, at(9, 9) + timedelta(minutes=115))
    by_risk = (await client.get("/api/v1/sla/predictions", params={"metric": "first_response"})).json()["items"]
    assert [item["ticket"]["id"] for item in by_risk] == [str(pressing), str(fresh)]
    now = by_risk[0]["prediction"]
    assert (by_risk[0]["risk"], now["risk"], now["stale"]) == ("high", "high", False)
    assert now["reasons"]
    assert (now["model"], now["ends_from"], now["ends_until"]) == ("hazard-table-1", None, None)
    async with desk.database.transaction(desk.account.organization_id) as session:
        await session.execute(text("UPDATE sla_clocks SET updated_at = :now"), {"now": at(9, 12)})
    high = (await client.get("/api/v1/tickets", params={"risk": "high"})).json()["items"]
    assert [ticket["id"] for ticket in high] == [str(pressing)]
    assert {clock["prediction"]["stale"] for clock in high[0]["sla"]} == {True}
    late = (await client.get("/api/v1/tickets", params={"risk": "breached"})).json()["items"]
    assert {clock["risk"] for ticket in late for clock in ticket["sla"]} == {"breached", None}
    clocks = (await client.get("/api/v1/sla/clocks", params={"risk": "high"})).json()["items"]
    assert [clock["ticket_id"] for clock in clocks] == [str(pressing)]
    assert (await client.get("/api/v1/sla/predictions", params={"risk": "breached"})).status_code == 422
    assert (await client.get("/api/v1/sla/predictions", params={"min_probability": 1.5})).status_code == 422
    stranger = connect((await make_account()).token)
    assert (await stranger.get("/api/v1/sla/predictions")).json()["items"] == []


async def test_a_tickets_predictions_are_kept_with_their_history(
    client: httpx.AsyncClient, desk: Desk, connect: Connect, make_account: MakeAccount
) -> None:
    ticket = await desk.ticket(at(9, 9), priority=TicketPriority.HIGH)
    for minutes in (0, 60, 110):
        await desk.predict(ticket, at(9, 9) + timedelta(minutes=minutes))
    path = f"/api/v1/tickets/{ticket}/sla/prediction"
    first_response, resolution = (await client.get(path)).json()
    assert [past["as_of"] for past in first_response["history"]] == [
        *("2026-03-09T10:50:00Z", "2026-03-09T10:00:00Z", "2026-03-09T09:00:00Z"),
    ]
    probabilities = [past["probability"] for past in first_response["history"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert first_response["clock"]["prediction"]["probability"] == probabilities[0]
    assert resolution["clock"]["metric"] == "resolution"
    assert {(past["model"], past["ends_from"]) for past in resolution["history"]} == {("hazard-table-1", None)}
    assert (await connect((await make_account()).token).get(path)).status_code == 404


async def test_clocks_come_in_pages_that_hold_still(client: httpx.AsyncClient, desk: Desk) -> None:
    for minute in range(5):
        await desk.ticket(at(9, 9, minute))
    paused = await desk.ticket(at(9, 9))
    await client.post(f"/api/v1/tickets/{paused}/status", json={"status": "pending"})
    whole = (await client.get("/api/v1/sla/clocks", params={"limit": 200})).json()["items"]
    seen: list[str] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        page = (
            await client.get("/api/v1/sla/clocks", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))
        ).json()
        seen += [clock["id"] for clock in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [clock["id"] for clock in whole]
    due = [clock["due_at"] for clock in whole]
    # Those that stand still are due at no time, and come last.
    assert due == sorted(filter(None, due)) + [None] * due.count(None)
    assert due.count(None) >= 1
    assert (await client.get("/api/v1/sla/clocks", params={"cursor": "nonsense"})).status_code == 422
