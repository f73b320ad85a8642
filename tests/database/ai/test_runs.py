"""Calls of models, kept, listed, compared and made again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.ai.model import AnswerUnusable, ModelBusy, ModelIdentity, ModelMissing, Prompt
from helpdesk.ai.prompting.templates import build
from helpdesk.ai.providers.connecting import ConnectedModels
from helpdesk.ai.runs.difference import diff
from helpdesk.ai.runs.queries import RunFilter, RunGone, get_run, list_runs
from helpdesk.ai.runs.record import record_embedding, record_run
from helpdesk.ai.runs.replay import RunNotReplayable
from helpdesk.ai.runs.replaying import replay_run
from helpdesk.ai.runs.retention import PRUNE_RUNS
from helpdesk.database.engine import Database
from helpdesk.models.ai import AiRun
from tests.database.desk import NOW
from tests.scripted_ollama import ScriptedOllama, error, says

SCHEMA = {
    "type": "object",
    "properties": {"category": {"type": "string", "enum": ["network", "hardware"]}, "sure": {"type": "boolean"}},
    "required": ["category"],
    "additionalProperties": False,
}
TICKET = "The VPN says HL-809, mail me at kim@desk.example or call +43 664 1234567."


class Runs:
    """Calls of the scripted model, as a pipeline makes them."""

    def __init__(self, database: Database, models: ConnectedModels, organization_id: UUID) -> None:
        self.database, self.models, self.organization_id = database, models, organization_id

    async def make(self, ticket: str = TICKET, *, kind: str = "triage", prompt: Prompt | None = None) -> UUID:
        asked = prompt or build("triage", version=1, data={"ticket": ticket}, fill={"choices": "network or hardware"})
        answer = await self.models.language.answer(asked, schema=SCHEMA, max_tokens=48)
        async with self.database.transaction(self.organization_id) as session:
            return await record_run(
                session,
                organization_id=self.organization_id,
                kind=kind,
                prompt=asked,
                identity=answer.model,
                decision="accepted",
                schema=SCHEMA,
                answer=answer,
                now=NOW,
            )

    async def get(self, run_id: UUID) -> AiRun:
        async with self.database.transaction(self.organization_id) as session:
            return await get_run(session, organization_id=self.organization_id, run_id=run_id)

    async def replay(self, run_id: UUID, *, model: str | None = None):
        return await replay_run(
            self.database, self.models, organization_id=self.organization_id, run_id=run_id, model=model, now=NOW
        )


@pytest.fixture
async def runs(database: Database, models: ConnectedModels, ollama: ScriptedOllama, organization_id: UUID) -> Runs:
    ollama.always("/api/chat", says({"category": "network"}))
    return Runs(database, models, organization_id)


async def test_a_run_keeps_to_the_letter_what_the_model_saw_and_nothing_that_identifies(
    runs: Runs, ollama: ScriptedOllama
) -> None:
    run = await runs.get(await runs.make())

    [asked] = ollama.requests["/api/chat"]
    assert [run.system_text, run.input_redacted] == [message["content"] for message in asked["messages"]]
    assert run.exact
    assert "mail me at [email] or call [phone]." in run.input_redacted
    assert run.input_raw is None
    assert (run.answer_schema, run.seed, run.options["num_predict"]) == (SCHEMA, asked["options"]["seed"], 48)
    assert (run.prompt_id, run.prompt_version, len(run.prompt_sha)) == ("triage", 1, 64)
    assert run.unsafe is None


async def test_an_organisation_may_keep_texts_as_they_came(runs: Runs) -> None:
    async with runs.database.transaction(runs.organization_id) as session:
        await session.execute(
            text("""UPDATE organizations SET ai_policy = '{"records": {"raw_input": true}}' WHERE id = :id"""),
            {"id": runs.organization_id},
        )

    assert (await runs.get(await runs.make())).input_raw == {"ticket": TICKET}


async def test_a_prompt_that_was_not_redacted_is_kept_redacted_and_said_not_to_be_exact(runs: Runs) -> None:
    run = await runs.get(await runs.make(prompt=Prompt("old", 1, "Say it.", "mail kim@desk.example\x00")))

    assert (run.exact, run.input_redacted) == (False, "mail [email]")


async def test_an_answer_that_repeats_the_fence_is_noted(runs: Runs, ollama: ScriptedOllama) -> None:
    prompt = build("triage", version=1, data={"ticket": TICKET}, fill={"choices": "any"})
    ollama.always("/api/chat", says(prompt.boundary))
    answer = await runs.models.language.answer(prompt, schema=None, max_tokens=8)
    async with runs.database.transaction(runs.organization_id) as session:
        run_id = await record_run(
            session,
            organization_id=runs.organization_id,
            kind="triage",
            prompt=prompt,
            identity=answer.model,
            decision="abstained",
            answer=answer,
            now=NOW,
        )

    assert (await runs.get(run_id)).unsafe == "repeats the line that fences the data"


async def test_runs_are_listed_newest_first_by_what_is_asked_for_and_embeddings_only_by_name(runs: Runs) -> None:
    made = [await runs.make(kind=kind) for kind in ("triage", "ask", "triage")]
    async with runs.database.transaction(runs.organization_id) as session:
        await record_embedding(
            session,
            organization_id=runs.organization_id,
            identity=ModelIdentity("small", "e" * 64),
            texts=["one"],
            total_ms=1,
            now=NOW,
        )

        async def ids(wanted: RunFilter, **more: object) -> list[UUID]:
            found = await list_runs(session, organization_id=runs.organization_id, wanted=wanted, limit=10, **more)
            return [run.id for run in found]

        assert await ids(RunFilter()) == made[::-1]
        assert await ids(RunFilter(kind="triage")) == [made[2], made[0]]
        assert await ids(RunFilter(), after=(NOW, made[2])) == [made[1], made[0]]
        assert await ids(RunFilter(decision="error")) == []
        assert await ids(RunFilter(since=NOW + timedelta(seconds=1))) == []
        assert len(await ids(RunFilter(kind="embed"))) == 1


async def test_another_organisation_sees_none(runs: Runs, database: Database) -> None:
    run_id = await runs.make()
    other = UUID(int=1)

    async with database.transaction(other) as session:
        assert list(await list_runs(session, organization_id=other, wanted=RunFilter(), limit=10)) == []
        with pytest.raises(RunGone):
            await get_run(session, organization_id=other, run_id=run_id)
    with pytest.raises(RunGone):
        await replay_run(runs.database, runs.models, organization_id=other, run_id=run_id, model=None, now=NOW)


async def test_a_replay_sends_the_same_call_and_finds_the_same_output(runs: Runs, ollama: ScriptedOllama) -> None:
    run_id = await runs.make()

    run, made, made_id = await runs.replay(run_id)

    first, second = ollama.requests["/api/chat"]
    assert first == second
    assert (made.same, made.exact, made.fields_same, made.fields, made.differences) == (True, True, 1, 1, [])
    kept = await runs.get(made_id)
    assert (kept.kind, kept.replay_of, kept.output, kept.input_hash) == ("replay", run_id, run.output, run.input_hash)
    assert diff(run, kept) == []


async def test_a_replay_says_what_is_different_and_a_replay_of_it_names_the_first_run(
    runs: Runs, ollama: ScriptedOllama
) -> None:
    run_id = await runs.make()
    ollama.always("/api/chat", says({"category": "hardware", "sure": True}))

    _, made, made_id = await runs.replay(run_id)
    _, again, again_id = await runs.replay(made_id)

    assert (made.same, made.fields_same, made.fields) == (False, 0, 2)
    [difference] = made.differences
    assert '- "category": "network"' in difference.unified()
    assert '+ "category": "hardware"' in difference.unified()
    assert again.same
    assert (await runs.get(again_id)).replay_of == run_id


async def test_another_model_is_asked_by_its_name(runs: Runs, ollama: ScriptedOllama) -> None:
    ollama.digests["other:7b"] = "o" * 64
    run_id = await runs.make()

    _, made, _ = await runs.replay(run_id, model="other:7b")

    assert ollama.requests["/api/chat"][-1]["model"] == "other:7b"
    assert (made.same, [each.part for each in made.differences]) == (True, ["model"])


async def test_a_model_that_is_not_there_is_said_so(runs: Runs) -> None:
    run_id = await runs.make()

    with pytest.raises(ModelMissing):
        await runs.replay(run_id, model="nobody:1b")


async def test_a_model_that_fails_this_time_is_kept_as_a_difference(runs: Runs, ollama: ScriptedOllama) -> None:
    run_id = await runs.make()
    ollama.always("/api/chat", says({"category": "no such"}))

    _, made, made_id = await runs.replay(run_id)

    assert isinstance(made.error, AnswerUnusable)
    assert (made.same, made.answer) == (False, None)
    assert (await runs.get(made_id)).decision == "error"


async def test_a_call_of_an_embedding_model_cannot_be_made_again(runs: Runs) -> None:
    async with runs.database.transaction(runs.organization_id) as session:
        run_id = await record_embedding(
            session,
            organization_id=runs.organization_id,
            identity=ModelIdentity("small", "e" * 64),
            texts=["one"],
            total_ms=1,
            now=NOW,
        )

    with pytest.raises(RunNotReplayable):
        await runs.replay(run_id)


async def test_two_calls_with_the_same_texts_differ_in_nothing_but_chance(runs: Runs) -> None:
    first, second = await runs.get(await runs.make()), await runs.get(await runs.make())

    assert first.input_redacted != second.input_redacted
    assert diff(first, second) == []


async def test_two_calls_for_other_texts_differ_in_the_input(runs: Runs) -> None:
    first, second = await runs.get(await runs.make()), await runs.get(await runs.make("The printer is on fire."))

    [difference] = diff(first, second)
    assert difference.part == "input"
    assert "+The printer is on fire." in difference.unified()


async def test_old_runs_go_and_sooner_where_an_organisation_says_so(runs: Runs) -> None:
    ages = {await runs.make(): 400, await runs.make(): 40, await runs.make(): 4}
    async with runs.database.transaction(runs.organization_id) as session:
        for run_id, days in ages.items():
            await session.execute(
                text("UPDATE ai_runs SET created_at = now() - make_interval(days => :days) WHERE id = :id"),
                {"days": days, "id": run_id},
            )

    async def pruned() -> int:
        async with runs.database.transaction(None, role="atum_worker") as session:
            connection = await session.connection()
            return (await connection.exec_driver_sql(PRUNE_RUNS, (timedelta(days=365), 100))).rowcount

    assert await pruned() == 1
    async with runs.database.transaction(runs.organization_id) as session:
        await session.execute(
            text("""UPDATE organizations SET ai_policy = '{"records": {"keep_days": 30}}' WHERE id = :id"""),
            {"id": runs.organization_id},
        )
    assert await pruned() == 1
    async with runs.database.transaction(runs.organization_id) as session:
        left = await list_runs(session, organization_id=runs.organization_id, wanted=RunFilter(), limit=10)
    assert [run.id for run in left] == [list(ages)[2]]


async def test_a_runtime_that_is_away_keeps_nothing(runs: Runs, ollama: ScriptedOllama) -> None:
    run_id = await runs.make()
    ollama.always("/api/chat", error(503, "busy"))

    with pytest.raises(ModelBusy):
        await runs.replay(run_id)

    async with runs.database.transaction(runs.organization_id) as session:
        replays = RunFilter(kind="replay")
        assert list(await list_runs(session, organization_id=runs.organization_id, wanted=replays, limit=5)) == []
