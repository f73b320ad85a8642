from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from helpdesk.ai.model import AnswerUnusable, Bounds, ModelIdentity, ModelMissing, Prompt, Spent
from helpdesk.ai.providers.budget import Budget
from helpdesk.ai.providers.choice import ChosenModel, budget_of, language_for
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.ai.runs.record import record_run
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.models.ai import AiRun
from helpdesk.settings import Settings
from tests.scripted_ollama import ScriptedOllama

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PROMPT = Prompt("test", 1, "Answer in JSON.", "What is it?")


async def _set(database: Database, organization_id: UUID, **budget: Any) -> None:
    async with database.transaction(organization_id, role="atum_owner") as session:
        await session.execute(update(Organization).values(ai_policy={"budget": budget}))


async def _used(
    database: Database,
    organization_id: UUID,
    *,
    hours_ago: float,
    tokens: int = 0,
    seconds: float = 0.0,
    kind: str = "triage",
) -> None:
    async with database.transaction(organization_id) as session:
        session.add(
            AiRun(
                id=new_id(),
                created_at=NOW - timedelta(hours=hours_ago),
                organization_id=organization_id,
                kind=kind,
                model="m",
                input_hash="h",
                decision="accepted",
                prompt_tokens=tokens,
                total_ms=seconds * 1000,
            )
        )


async def _budget(database: Database, organization_id: UUID, allowed: Bounds = Bounds()) -> Budget:  # noqa: B008
    async with database.transaction(organization_id) as session:
        return await budget_of(session, allowed=allowed, organization_id=organization_id, now=NOW)


async def _chosen(database: Database, models: ConnectedModels, organization_id: UUID) -> ChosenModel:
    async with database.transaction(organization_id) as session:
        return await language_for(session, models, organization_id=organization_id, now=NOW)


async def test_without_bounds_there_is_always_a_model(
    database: Database, models: ConnectedModels, organization_id: UUID
) -> None:
    await _used(database, organization_id, hours_ago=1, tokens=10**9)
    chosen = await _chosen(database, models, organization_id)
    assert (chosen.why_not, await chosen.identify() is not None) == ("", True)


async def test_a_spent_budget_takes_the_model_away_until_enough_is_past(
    database: Database, models: ConnectedModels, organization_id: UUID, ollama: ScriptedOllama
) -> None:
    await _set(database, organization_id, tokens_a_day=100)
    for hours_ago, tokens in ((25, 500), (20, 60), (10, 50), (5, 40)):
        await _used(database, organization_id, hours_ago=hours_ago, tokens=tokens)
    await _used(database, organization_id, hours_ago=1, tokens=0, kind="embed")

    budget = await _budget(database, organization_id)
    assert (budget.tokens, budget.tokens_left) == (150, 0)
    # Without the oldest call 90 tokens are used, which is less than 100.
    assert budget.spent_until == NOW + timedelta(hours=4)

    chosen = await _chosen(database, models, organization_id)
    assert await chosen.identify() is None
    assert chosen.why_not == "The budget of the text model is spent until 2026-11-22 16:00 UTC."
    with pytest.raises(ModelMissing, match="spent until"):
        await chosen.answer(PROMPT, schema=None, max_tokens=5)
    assert "/api/chat" not in ollama.requests


async def test_of_two_spent_bounds_the_later_one_counts(database: Database, organization_id: UUID) -> None:
    await _set(database, organization_id, tokens_a_day=10, seconds_a_day=10)
    await _used(database, organization_id, hours_ago=20, tokens=10)
    await _used(database, organization_id, hours_ago=3, seconds=11)
    assert (await _budget(database, organization_id)).spent_until == NOW + timedelta(hours=21)


async def test_a_bound_of_nothing_is_never_free_again(database: Database, organization_id: UUID) -> None:
    await _set(database, organization_id, tokens_a_day=0)
    assert (await _budget(database, organization_id)).spent_until == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    ("own", "allowed", "bound"), [(None, 50, 50), (20, 50, 20), (80, 50, 50), (80, None, 80), (None, None, None)]
)
async def test_an_organisation_may_bound_itself_more_narrowly_than_the_operator_but_not_more_widely(
    database: Database, organization_id: UUID, own: int | None, allowed: int | None, bound: int | None
) -> None:
    await _set(database, organization_id, tokens_a_day=own)
    assert (await _budget(database, organization_id, Bounds(tokens=allowed))).bounds.tokens == bound


async def test_what_others_use_is_not_counted(
    database: Database, models: ConnectedModels, organization_id: UUID
) -> None:
    other = new_id()
    async with database.transaction(other) as session:
        session.add(Organization(id=other, slug="other", name="Other"))
    await _set(database, organization_id, tokens_a_day=10)
    await _used(database, other, hours_ago=1, tokens=100)
    assert (await _budget(database, organization_id)).tokens == 0
    assert (await _chosen(database, models, organization_id)).why_not == ""


async def test_that_a_budget_ran_out_is_logged_once(
    database: Database, models: ConnectedModels, organization_id: UUID
) -> None:
    await _set(database, organization_id, seconds_a_day=1)
    await _used(database, organization_id, hours_ago=1, seconds=2)
    with capture_logs() as logs:
        for _ in range(3):
            await _chosen(database, models, organization_id)
    assert [entry["event"] for entry in logs].count("model_budget_spent") == 1


async def test_calls_count_once_they_are_recorded_those_that_failed_as_well(
    database: Database, usual: Settings, organization_id: UUID
) -> None:
    identity = ModelIdentity("m", "d")
    models = connect_models(usual.model_copy(update={"text_tokens_a_day": 30}))
    chosen = await _chosen(database, models, organization_id)
    answer = await chosen.answer(PROMPT, schema=None, max_tokens=5)
    async with database.transaction(organization_id) as session:
        common: dict[str, Any] = {"organization_id": organization_id, "kind": "ask", "prompt": PROMPT, "now": NOW}
        await record_run(session, **common, identity=identity, decision="accepted", answer=answer)
    assert (await _budget(database, organization_id)).tokens == 18
    assert (await _chosen(database, models, organization_id)).why_not == ""
    async with database.transaction(organization_id) as session:
        failed = AnswerUnusable("Twice.", spent=Spent(prompt_tokens=14))
        await record_run(session, **common, identity=identity, decision="error", error=failed)
    assert (await _budget(database, organization_id)).tokens == 32
    assert "spent" in (await _chosen(database, models, organization_id)).why_not
    await models.close()


async def test_what_was_used_is_read_from_an_index_alone(database: Database, organization_id: UUID) -> None:
    from helpdesk.ai.providers.budget import _USED

    async with database.transaction(organization_id) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        explained = text(f"EXPLAIN {_USED.text}").bindparams(organization_id=organization_id, since=NOW)
        plan = "\n".join((await session.scalars(explained)).all())
    assert "Index Only Scan using ai_runs_" in plan
