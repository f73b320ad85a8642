"""Who the models are, how they fare, and what is left of a budget, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import text

from helpdesk.ai.model import AnswerUnusable, ModelIdentity, Prompt, Spent
from helpdesk.ai.runs.record import record_run
from helpdesk.database.engine import Database, transaction_time
from helpdesk.models.values import UserRole
from tests.journeys.conftest import Account, MakeAccount
from tests.scripted_ollama import EMBEDDING_MODEL, TEXT_MODEL, ScriptedOllama, serve_scripted_ollama

Connect = Callable[[str | None], httpx.AsyncClient]
SECRET = "sesame-4711-sesame"


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
        "ATUM_OPENAI_URL": "http://192.0.2.1:8000/v1",
        "ATUM_OPENAI_API_KEY": SECRET,
        "ATUM_TEXT_TOKENS_A_DAY": "1000",
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }


async def _spend(database: Database, account: Account, *, tokens: int) -> None:
    async with database.transaction(account.organization_id) as session:
        await record_run(
            session,
            organization_id=account.organization_id,
            kind="triage",
            prompt=Prompt("test", 1, "", ""),
            identity=ModelIdentity("m", "d"),
            decision="error",
            error=AnswerUnusable(spent=Spent(prompt_tokens=tokens, total_ms=2500.0)),
            now=await transaction_time(session),
        )


async def test_the_budget_tells_what_was_used_and_when_there_is_more(
    connect: Connect, account: Account, make_account: MakeAccount, database: Database
) -> None:
    async with connect(account.token) as client:
        fresh = (await client.get("/api/v1/ai/budget")).json()
        assert fresh["tokens"] == {"limit": 1000, "used": 0, "left": 1000}
        assert fresh["seconds"] == {"limit": None, "used": 0, "left": None}
        assert (fresh["spent"], fresh["spent_until"]) == (False, None)

        await _spend(database, account, tokens=1200)
        async with database.transaction(account.organization_id) as session:
            await session.execute(text('UPDATE organizations SET ai_policy = \'{"budget": {"seconds_a_day": 2}}\''))
        spent = (await client.get("/api/v1/ai/budget")).json()
        assert spent["tokens"] == {"limit": 1000, "used": 1200, "left": 0}
        assert spent["seconds"] == {"limit": 2, "used": 2.5, "left": 0}
        assert spent["spent"]
        assert spent["spent_until"].endswith("Z")
    other = await make_account(UserRole.VIEWER)
    async with connect(other.token) as client:
        assert (await client.get("/api/v1/ai/budget")).json()["tokens"]["used"] == 0


async def test_the_providers_are_for_administrators_and_hold_no_secret(
    connect: Connect, account: Account, make_account: MakeAccount
) -> None:
    agent = await make_account(UserRole.AGENT, organization=account)
    async with connect(agent.token) as client:
        assert (await client.get("/api/v1/ai/providers")).status_code == 403
    async with connect(None) as client:
        assert (await client.get("/api/v1/ai/providers")).status_code == 401
    async with connect(account.token) as client:
        answer = await client.get("/api/v1/ai/providers", timeout=20)
    assert SECRET not in answer.text
    vectors, remote, local = answer.json()
    assert (vectors["kind"], vectors["serves"], vectors["model"], vectors["state"]) == (
        "embedding",
        "all",
        EMBEDDING_MODEL,
        "ok",
    )
    assert (remote["protocol"], remote["own"], remote["serves"]) == ("openai", False, "opted_in")
    assert remote["state"] == "away"
    assert (local["protocol"], local["own"], local["serves"], local["model"]) == ("ollama", True, "all", TEXT_MODEL)
    assert local["breaker"]["state"] == "closed"
