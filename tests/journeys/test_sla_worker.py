"""The SLA worker as a process, and the proof by command and over HTTP."""

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import AuthorKind, UserRole
from helpdesk.settings import Settings
from helpdesk.sla.calendars.commands import create_calendar
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.requests import Actor
from tests import warm
from tests.database.desk import TARGETS, vpn_ticket
from tests.journeys.conftest import Account, MakeAccount, RunWorker


@pytest.fixture
async def ticket_ids(database: Database, settings: Settings, account: Account) -> list[str]:
    """Return tickets on a calendar that is always open: long overdue, and one that no promise covers."""
    now, organization_id = datetime.now(UTC), account.organization_id
    urgent = [{"field": "priority", "op": "is", "value": "normal"}]
    opened = []
    async with database.transaction(organization_id) as session:
        hours = {"timezone": "UTC", "always_open": True}
        await create_calendar(session, organization_id=organization_id, name="always", definition=hours, now=now)
        await create_policy(
            session,
            organization_id=organization_id,
            name="standard",
            position=1,
            calendar="always",
            targets=TARGETS,
            conditions={"all": urgent},
        )
        for priority in ("normal", "normal", "low"):
            ticket = await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(priority=priority),
                actor=Actor(AuthorKind.AGENT, account.user_id),
                now=now - timedelta(days=2),
                settings=settings,
            )
            opened.append(str(ticket.id))
    return opened


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run("helpdesk.cli", "sla", *arguments, environment=os.environ | environment)


async def test_each_tick_logs_one_line_about_what_it_did(
    run_worker: RunWorker, ticket_ids: list[str], client: httpx.AsyncClient
) -> None:
    worker = await run_worker("sla", ATUM_SLA_TICK_S="1")
    await worker.wait_for_log(r"event=sla_check_completed .*processed=2")
    await worker.wait_for_log(r"event=sla_check_completed .*processed=0")
    lines = re.findall(r"event=sla_check_completed [^\n]*", worker.log())
    told = next(line for line in lines if "processed=2" in line)
    for said in ("skipped_null_sla=1", "skipped_paused=0", "warned_75=0", "warned_90=0", "breached=4", "duration_ms="):
        assert said in told
    assert len(lines) == len(re.findall("sla_check", worker.log()))
    shown = (await client.get(f"/api/v1/tickets/{ticket_ids[0]}")).json()
    assert {clock["time_to_breach_minutes"] < 0 for clock in shown["sla"]} == {True}


async def test_a_proof_finds_and_heals_a_tampered_clock(
    process_environment: dict[str, str],
    ticket_ids: list[str],
    database: Database,
    account: Account,
    make_account: MakeAccount,
    connect: Callable[[str | None], httpx.AsyncClient],
) -> None:
    assert command(process_environment, "tick").returncode == 0
    clean = command(process_environment, "prove")
    assert (clean.returncode, "differing=0" in clean.stdout) == (0, True), clean.stdout + clean.stderr
    async with database.transaction(account.organization_id) as session:
        await session.execute(
            text("UPDATE sla_clocks SET due_at = due_at - interval '1 h' WHERE metric = 'resolution'")
        )
    seen = command(process_environment, "prove", "--no-heal")
    assert seen.returncode == 1
    assert "differing=2 healed=0" in seen.stdout
    assert "metric=resolution" in seen.stdout
    healed = command(process_environment, "prove", "--heal")
    assert (healed.returncode, "differing=2 healed=2" in healed.stdout) == (1, True)
    assert command(process_environment, "prove").returncode == 0
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    page = (await lead.get("/api/v1/sla/proofs", params={"limit": 2})).json()
    assert [proof["differing"] for proof in page["items"]] == [0, 2]
    more = (await lead.get("/api/v1/sla/proofs", params={"cursor": page["next_cursor"]})).json()
    assert [(proof["differing"], proof["heals"]) for proof in more["items"]] == [(2, False), (0, True)]
    assert set(more["items"][0]["sample"][0]["columns"]) == {"due_at"}


async def test_proofs_are_shown_to_those_who_lead_and_to_nobody_elses(
    make_account: MakeAccount, account: Account, connect: Callable[[str | None], httpx.AsyncClient]
) -> None:
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    assert (await agent.get("/api/v1/sla/proofs")).status_code == 403
    stranger = connect((await make_account(UserRole.ADMIN)).token)
    assert (await stranger.get("/api/v1/sla/proofs")).json()["items"] == []


async def test_the_proof_runs_as_a_job_and_says_what_it_found(
    client: httpx.AsyncClient, ticket_ids: list[str], run_worker: RunWorker
) -> None:
    await run_worker("job", ATUM_WORKER_QUEUES="sla")
    made = await client.post("/api/v1/jobs", json={"job_type": "PROVE_CLOCKS", "payload": {}})
    assert made.status_code in {201, 202}, made.text
    job: dict[str, object] = {}
    for _ in range(100):
        job = (await client.get(f"/api/v1/jobs/{made.json()['id']}")).json()
        if job["status"] == "completed":
            break
    [proof] = (await client.get("/api/v1/sla/proofs")).json()["items"]
    assert (proof["id"], proof["tickets"], proof["differing"]) == (job["id"], 3, 0)
    assert proof["finished_at"] is not None
