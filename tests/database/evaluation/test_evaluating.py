"""An evaluation of a small organisation with real vectors; it is left as it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from helpdesk.ai.providers.no_model import NoModel
from helpdesk.evaluation.chart import draw_reliability
from helpdesk.evaluation.comparing import compare
from helpdesk.evaluation.evaluating import Evaluation, evaluate
from helpdesk.evaluation.labelled_files import BadData, read_questions, read_texts
from helpdesk.evaluation.work import PARTS, Part, Work
from tests.database.ai.desk import AiDesk
from tests.database.desk import NOW
from tests.database.evaluation.history import add_history
from tests.scripted_ollama import says

# What an evaluation must not touch; vectors of texts are kept for whoever needs them next.
_UNTOUCHED = (
    "tickets", "messages", "ticket_events", "jobs", "triage_predictions", "triage_feedback", "kb_suggestions",
    "reply_drafts", "breach_predictions", "ml_models", "rag_judgements", "notifications", "ai_runs",
    "unanswered_queries",
)  # fmt: skip


def work(desk: AiDesk, *, now: datetime = NOW, **changed: Any) -> Work:
    values: dict[str, Any] = {
        "database": desk.database,
        "models": desk.models_with(NoModel("Nobody asks.")),
        "settings": desk.settings,
        "organization_id": desk.organization_id,
        "now": now,
        "seed": 1,
        "tell": lambda *_: None,
    }
    return Work(**(values | changed))


async def counts(desk: AiDesk) -> dict[str, int]:
    found = {}
    async with desk.database.transaction(desk.organization_id) as session:
        for table in _UNTOUCHED:
            if await session.scalar(text("SELECT to_regclass(:table)"), {"table": table}) is not None:
                kind = " WHERE kind <> 'embed'" if table == "ai_runs" else ""
                found[table] = int(await session.scalar(text(f"SELECT count(*) FROM {table}{kind}")) or 0)
    return found


def values(found: Evaluation) -> dict[str, float]:
    return {one.name: one.value for one in found.figures}


async def test_an_organisation_is_evaluated_on_its_own_past_and_left_as_it_was(desk: AiDesk, tmp_path: Path) -> None:
    await add_history(desk.database, desk.organization_id, desk.agent, tickets=120)
    await desk.index_all()
    before = await counts(desk)

    found = await evaluate(work(desk), PARTS)
    again = await evaluate(work(desk), ["triage", "suggestions", "prediction"])

    figures = values(found)
    assert figures["triage.category.accuracy"] > 0.9
    assert figures["suggestions.articles.hit_1"] > 0.9
    assert figures["drafts.articles.ids_exist"] == 1
    assert figures["drafts.articles.cites_right"] > 0.9
    assert figures["drafts.articles.unsupported"] == 0
    # A quarter of them breached their first response, and half of all clocks are of that kind.
    assert 0 < figures["prediction.at_start.breached"] < 0.6
    assert figures["prediction.at_start.brier"] < 0.3
    assert {(one.part, one.field) for one in found.missing} >= {("drafts", "outcomes"), ("suggestions", "out_of_scope")}
    assert found.data["triage"]["cases"] == 90  # three of four blocks: a fifth of them would be too few
    assert found.made_with["text_model"] is None
    assert await counts(desk) == before
    differences = compare(found.samples, again.samples, seed=0)
    assert {one.word for one in differences} == {"no difference shown"}
    assert all(one.paired for one in differences)
    draw_reliability(found.samples, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


async def test_an_empty_organisation_gets_rows_that_say_what_is_missing(desk: AiDesk) -> None:
    found = await evaluate(work(desk), PARTS)
    assert found.figures == []
    lacks = {f"{one.part}.{one.field}": (one.have, one.need) for one in found.missing}
    assert lacks["triage.category"] == (0, 20)
    assert lacks["prediction.at_start"] == (0, 20)
    assert lacks["drafts.articles"] == (0, 20)


async def test_files_take_the_place_of_own_data_and_are_checked_first(desk: AiDesk, tmp_path: Path) -> None:
    await add_history(desk.database, desk.organization_id, desk.agent, tickets=60)
    await desk.index_all()
    questions = tmp_path / "questions.jsonl"
    answerable = [
        f'{{"question": "VPN error HL-809 {place}", "article": "{await vpn_slug(desk)}"}}' for place in range(20)
    ]
    strange = [f'{{"question": "Where do penguins sleep, number {place}?", "article": null}}' for place in range(20)]
    questions.write_text("\n".join([*answerable, *strange]))
    texts = tmp_path / "texts.jsonl"
    texts.write_text("\n".join(f'{{"subject": "VPN HL-809 times out {n}", "category": "network"}}' for n in range(20)))

    found = await evaluate(
        work(desk),
        ["triage", "suggestions", "drafts"],
        texts=read_texts(texts),
        questions=read_questions(questions),
    )

    figures = values(found)
    assert figures["triage.category.accuracy"] > 0.9
    assert figures["suggestions.articles.hit_1"] > 0.9
    assert figures["suggestions.out_of_scope.left_alone"] == 1
    assert figures["drafts.out_of_scope.left_alone"] == 1
    assert found.data["drafts"]["file_sha256"] == read_questions(questions).sha
    texts.write_text('{"subject": "x", "category": "network"}\n{"subject": "y", "category": "gardening"}')
    with pytest.raises(BadData, match=r"line 2: there is no category 'gardening'; there are .*network"):
        await evaluate(work(desk), ["triage"], texts=read_texts(texts))
    questions.write_text('{"question": "x", "article": "no-such-article"}')
    with pytest.raises(BadData, match="line 1: there is no published article 'no-such-article'"):
        await evaluate(work(desk), ["suggestions"], questions=read_questions(questions))


async def vpn_slug(desk: AiDesk) -> str:
    [row] = await desk.rows("SELECT slug FROM kb_articles WHERE slug LIKE 'vpn%'")
    return str(row.slug)


async def test_outcomes_of_drafts_are_what_agents_made_of_them(desk: AiDesk) -> None:
    ticket = await desk.open()
    await desk.execute(
        "INSERT INTO reply_drafts (id, organization_id, ticket_id, state, method, outcome, outcome_at, edit_distance, "
        "created_at, superseded_at) SELECT gen_random_uuid(), :organization, :ticket, "
        "CASE WHEN n % 4 = 3 THEN 'discarded' ELSE 'sent' END, 'extractive', "
        "(ARRAY['accepted', 'accepted', 'edited', 'discarded'])[n % 4 + 1], :now, "
        "(ARRAY[0, 0, 0.3, NULL]::float8[])[n % 4 + 1], :now, :now FROM generate_series(0, 39) n",
        organization=desk.organization_id,
        ticket=ticket,
        now=NOW,
    )
    figures = values(await evaluate(work(desk), ["drafts"]))
    assert figures["drafts.outcomes.sent"] == 0.75
    assert figures["drafts.outcomes.unedited"] == 0.5
    assert figures["drafts.outcomes.edit_distance"] == pytest.approx(0.1)


async def test_calls_of_the_text_model_are_recorded_as_of_an_evaluation(desk: AiDesk) -> None:
    await add_history(desk.database, desk.organization_id, desk.agent, tickets=24)
    await desk.index_all()
    desk.ollama.always("/api/chat", says({"topic": "the VPN error HL-809"}))

    found = await evaluate(work(desk, models=desk.models, ask_model=True, limit=20), ["drafts"])

    kinds = {row.kind for row in await desk.rows("SELECT DISTINCT kind FROM ai_runs WHERE kind <> 'embed'")}
    assert kinds == {"evaluation"}
    assert found.made_with["text_model"]["digest"]
    assert [one["id"] for one in found.made_with["prompts"]] == ["reply-topic", "reply-draft"]
    assert (await counts(desk))["reply_drafts"] == 0


async def test_when_time_is_up_what_was_scored_counts_and_a_note_says_so(desk: AiDesk) -> None:
    await add_history(desk.database, desk.organization_id, desk.agent, tickets=24)
    await desk.index_all()
    parts: list[Part] = ["suggestions", "drafts"]
    found = await evaluate(work(desk, until=0.0), parts)
    assert found.figures == []
    assert any("Time was up after 0 of 24 cases of drafts" in note for note in found.notes)


async def test_another_moment_sees_nothing_that_came_later(desk: AiDesk) -> None:
    await add_history(desk.database, desk.organization_id, desk.agent, tickets=60)
    found = await evaluate(work(desk, now=NOW - timedelta(days=365)), ["prediction"])
    assert found.figures == []
