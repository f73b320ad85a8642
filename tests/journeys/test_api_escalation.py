"""From a clock that reaches a level to a ticket that has changed and an address that was told, by real processes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import TicketPriority, UserRole
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.requests import SYSTEM, NewTicket
from tests.database.notifications.http_receiver import http_receiver
from tests.journeys.conftest import NO_RUNTIME, Account, MakeAccount, RunWorker
from tests.waiting import answers

TARGETS: dict[str, Any] = {priority: {"resolution": 60} for priority in TicketPriority}


@pytest.fixture(scope="module")
def process_environment(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_OLLAMA_HOST": NO_RUNTIME,
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "ATUM_WEBHOOK_ALLOW": "127.0.0.1/32",
        "ATUM_SLA_TICK_S": "0.3",
        "ATUM_WORKER_QUEUES": "sla,notifications,webhooks",
    }


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def furnish(client: httpx.AsyncClient, *, lead: UUID, url: str) -> None:
    """Make a team with a lead, and a policy that does all it can when 90 % are used up."""
    team = await made(client, "teams", slug="network", name="Network")
    led = await client.patch(f"/api/v1/teams/{team['id']}", json={"lead_id": str(lead)})
    assert led.status_code == 200, led.text
    webhook = await made(client, "webhooks", url=url, events=["ticket.opened"])
    calendar = await made(client, "calendars", name="always", timezone="UTC", always_open=True)
    actions = [
        {"do": "notify", "who": ["team_lead"]},
        {"do": "raise_priority"},
        {"do": "tag", "tag": "late"},
        {"do": "reassign", "team_lead": True},
        {"do": "webhook", "endpoint_id": webhook["id"]},
    ]
    await made(
        client,
        "sla/policies",
        name="standard",
        calendar=calendar["id"],
        targets=TARGETS,
        is_default=True,
        actions={"90": actions},
    )


async def test_nobody_asks_for_an_action_but_a_clock(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/jobs", json={"job_type": "APPLY_SLA_ACTION", "payload": {}})
    assert answer.status_code == 403, answer.text
    assert (await client.get("/api/v1/jobs")).json()["items"] == []


async def test_a_clock_that_runs_late_changes_its_ticket_and_tells_an_address(
    client: httpx.AsyncClient,
    account: Account,
    make_account: MakeAccount,
    database: Database,
    settings: Settings,
    run_worker: RunWorker,
) -> None:
    lead = await make_account(UserRole.LEAD, organization=account)
    async with http_receiver() as receiver:
        await furnish(client, lead=lead.user_id, url=receiver.url)
        async with database.transaction(account.organization_id) as session:
            ticket = await open_ticket(
                session,
                organization_id=account.organization_id,
                new=NewTicket("VPN drops", "Every ten minutes.", team="network"),
                actor=SYSTEM,
                now=datetime.now(UTC) - timedelta(minutes=55),
                settings=settings,
            )
        receiver.received.clear()
        await run_worker("job")
        await run_worker("sla")
        path = f"/api/v1/tickets/{ticket.id}"
        changed = await answers(
            client, path, lambda found: found["tags"] and found["assignee_id"] and found["priority"] == "high"
        )
        events = await answers(
            client, f"{path}/events", lambda found: any(event["kind"] == "sla.webhook_queued" for event in found)
        )
        async with asyncio.timeout(30):
            while not any(b"sla.warning" in request.body for request in receiver.received):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    assert (changed["tags"], changed["assignee_id"]) == (["late"], str(lead.user_id))
    caused = {event["kind"]: event["data"]["cause"] for event in events if "cause" in event["data"]}
    assert set(caused) == {"ticket.priority_changed", "ticket.tags_changed", "ticket.assigned", "sla.webhook_queued"}
    assert {(cause["metric"], cause["level"], cause["policy"]) for cause in caused.values()} == {
        ("resolution", 90, "standard")
    }
    assert [event for event in events if event["kind"] == "sla.action_skipped"] == []
    told = [request for request in receiver.received if b"sla.warning" in request.body]
    assert len(told) == 1
    assert b"#1: resolution at 90 % of its time" in told[0].body
