"""Calls of models over HTTP and as `atum-desk ai`, with a scripted model behind both."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import TypeAlias
from uuid import UUID, uuid4

import httpx
import pytest

from helpdesk.ai.prompting.templates import build
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.ai.runs.record import record_run
from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from helpdesk.settings import Settings
from tests import warm
from tests.database.desk import NOW
from tests.journeys.conftest import Account, MakeAccount
from tests.scripted_ollama import TEXT_MODEL, ScriptedOllama, says, serve_scripted_ollama

Command: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
Connect: TypeAlias = Callable[[str | None], httpx.AsyncClient]
RUNS = "/api/v1/ai/runs"
SCHEMA = {"type": "object", "properties": {"category": {"type": "string"}}, "required": ["category"]}


@pytest.fixture(scope="module")
def runtime() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def process_environment(
    database_url: str, runtime: ScriptedOllama, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    return {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_OLLAMA_HOST": runtime.url,
        "ATUM_TEXT_MODEL": TEXT_MODEL,
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }


@pytest.fixture(autouse=True)
def usual(runtime: ScriptedOllama) -> None:
    runtime.requests.clear()
    runtime.always("/api/chat", says({"category": "network"}))
    runtime.digests["other"] = "o" * 64


@pytest.fixture
def ai(process_environment: dict[str, str], account: Account) -> Command:
    def run(*arguments: str | UUID, organization: str = account.slug) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "ai",
            *map(str, arguments),
            "--organization",
            organization,
            environment=os.environ | process_environment,
        )

    return run


async def make_run(database: Database, runtime: ScriptedOllama, organization_id: UUID, ticket: str) -> UUID:
    models = connect_models(Settings(ollama_host=runtime.url, text_model=TEXT_MODEL))
    prompt = build("triage", version=1, data={"ticket": ticket}, fill={"choices": "network or hardware"})
    answer = await models.language.answer(prompt, schema=SCHEMA, max_tokens=48)
    await models.close()
    async with database.transaction(organization_id) as session:
        return await record_run(
            session,
            organization_id=organization_id,
            kind="triage",
            prompt=prompt,
            identity=answer.model,
            decision="accepted",
            schema=SCHEMA,
            answer=answer,
            now=NOW,
        )


async def test_leads_read_runs_and_admins_make_them_again(
    client: httpx.AsyncClient,
    connect: Connect,
    make_account: MakeAccount,
    account: Account,
    database: Database,
    runtime: ScriptedOllama,
) -> None:
    ids = [await make_run(database, runtime, account.organization_id, f"Ticket {number}") for number in range(3)]
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)

    first = (await lead.get(RUNS, params={"kind": "triage", "limit": 2})).json()
    rest = (await lead.get(RUNS, params={"kind": "triage", "cursor": first["next_cursor"]})).json()
    assert [run["id"] for run in (*first["items"], *rest["items"])] == [str(each) for each in ids[::-1]]
    shown = (await lead.get(f"{RUNS}/{ids[0]}")).json()
    assert shown["exact"] is True
    assert "Ticket 0" in shown["input_redacted"]
    assert shown["answer_schema"] == SCHEMA

    replayed = await client.post(f"{RUNS}/{ids[0]}/replay")
    assert (replayed.status_code, replayed.json()["same"]) == (201, True), replayed.text
    runtime.always("/api/chat", says({"category": "hardware"}))
    other = (await client.post(f"{RUNS}/{ids[0]}/replay", json={"model": "other"})).json()
    assert (other["same"], other["model"], other["fields"]) == (False, "other", 1)
    assert {each["part"] for each in other["differences"]} == {"model", "output"}
    found = (await lead.get(RUNS, params={"replay_of": str(ids[0])})).json()["items"]
    assert [run["id"] for run in found] == [other["made_id"], replayed.json()["made_id"]]


async def test_who_may_not_read_or_replay_runs_is_told_so(
    client: httpx.AsyncClient,
    connect: Connect,
    make_account: MakeAccount,
    account: Account,
    database: Database,
    runtime: ScriptedOllama,
) -> None:
    run_id = await make_run(database, runtime, account.organization_id, "Ticket")
    agent = connect((await make_account(UserRole.AGENT, organization=account)).token)
    lead = connect((await make_account(UserRole.LEAD, organization=account)).token)
    stranger = connect((await make_account()).token)

    assert (await agent.get(RUNS)).status_code == 403
    assert (await agent.get(f"{RUNS}/{run_id}")).status_code == 403
    assert (await lead.post(f"{RUNS}/{run_id}/replay")).status_code == 403
    assert (await stranger.get(RUNS)).json()["items"] == []
    assert (await stranger.get(f"{RUNS}/{run_id}")).status_code == 404
    assert (await stranger.post(f"{RUNS}/{run_id}/replay")).status_code == 404
    assert (await client.get(f"{RUNS}/{uuid4()}")).status_code == 404
    assert (await client.get(RUNS, params={"decision": "perhaps"})).status_code == 422
    missing = await client.post(f"{RUNS}/{run_id}/replay", json={"model": "nobody"})
    assert (missing.status_code, "nobody" in missing.text) == (503, True)


async def test_runs_are_listed_shown_and_compared_on_the_command_line(
    ai: Command, account: Account, database: Database, runtime: ScriptedOllama, make_account: MakeAccount
) -> None:
    first = await make_run(database, runtime, account.organization_id, "The VPN hangs, mail kim@desk.example")
    same = await make_run(database, runtime, account.organization_id, "The VPN hangs, mail kim@desk.example")
    other = await make_run(database, runtime, account.organization_id, "The printer burns")
    elsewhere = (await make_account()).slug

    listed = ai("runs", "--kind", "triage", "--json")
    assert [run["id"] for run in json.loads(listed.stdout)] == [str(other), str(same), str(first)], listed.stderr
    assert str(other) in ai("runs", "--limit", "1").stdout
    assert ai("runs", "--decision", "error").stdout.splitlines()[1:] == []
    shown = ai("show", first)
    assert "The VPN hangs, mail [email]" in shown.stdout
    assert "You sort help desk tickets." in shown.stdout
    assert ai("diff", first, same).returncode == 0
    differs = ai("diff", first, other)
    assert (differs.returncode, "+The printer burns" in differs.stdout) == (1, True)
    assert json.loads(ai("diff", first, other, "--json").stdout)["differences"][0]["part"] == "input"
    foreign = ai("show", first, organization=elsewhere)
    assert (foreign.returncode, foreign.stderr) == (1, f"atum-desk: There is no run {first}.\n")
    assert ai("show", "no-id").returncode == 2


async def test_runs_are_made_again_on_the_command_line_and_the_exit_code_says_whether_they_are_the_same(
    ai: Command, account: Account, database: Database, runtime: ScriptedOllama
) -> None:
    first = await make_run(database, runtime, account.organization_id, "The VPN hangs")
    second = await make_run(database, runtime, account.organization_id, "The printer burns")

    again = ai("replay", first)
    assert (again.returncode, "the same output, 1 of 1 fields agree" in again.stdout) == (0, True), again.stderr
    runtime.then("/api/chat", says({"category": "hardware"}))
    changed = ai("replay", first, "--json")
    assert changed.returncode == 1
    assert [each["part"] for each in json.loads(changed.stdout)[0]["differences"]] == ["output"]
    table = ai("replay", "--kind", "triage", "--last", "20", "--model", "other")
    assert table.returncode == 0, table.stderr
    assert str(second) in table.stdout
    assert "2 of 2 outputs are the same, 2 of 2 fields agree, 0 could not be asked again." in table.stdout
    missing = ai("replay", first, "--model", "nobody")
    assert (missing.returncode, "nobody" in missing.stderr) == (2, True)
    assert ai("replay").returncode == 2
    assert ai("replay", first, "--last", "3").returncode == 2
