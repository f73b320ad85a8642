from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.retrieval.champion import fit_organization
from helpdesk.rag.retrieval.fitted import kind_of, weights_for, write_weights
from helpdesk.rag.retrieval.fusion_weights import LEXICAL, shipped_weights
from helpdesk.rag.retrieval.judgements import FIT_AFTER, JudgedQuery, judge, judged_queries
from helpdesk.rag.retrieval.weights import Weights
from tests.database.rag.conftest import NOW, Desk

ARTICLE = UUID("01a20000-0000-7000-8000-000000000001")
OTHER = UUID("01a20000-0000-7000-8000-000000000002")


async def say(database: Database, organization_id: UUID, query: str, *, minutes: int = 0, **said: Any) -> None:
    """Judge one source for a query, as feedback of nobody in particular unless said otherwise."""
    verdict = {"source_type": SourceType.KB, "source_id": ARTICLE, "relevant": True, "origin": "feedback"} | said
    now = NOW + timedelta(minutes=minutes)
    async with database.transaction(organization_id) as session:
        await judge(session, organization_id=organization_id, query=query, now=now, **verdict)


async def said_of(database: Database, organization_id: UUID) -> list[JudgedQuery]:
    async with database.transaction(organization_id) as session:
        return await judged_queries(session, organization_id=organization_id)


async def fits_asked_for(database: Database, organization_id: UUID) -> int:
    async with database.transaction(organization_id) as session:
        found = await session.execute(text("SELECT count(*) FROM job_queue WHERE job_type = 'FIT_RELEVANCE'"))
        return int(found.scalar_one())


async def test_the_same_verdict_counts_once_and_a_change_of_mind_replaces_it(
    database: Database, organization_id: UUID
) -> None:
    for _ in range(3):
        await say(database, organization_id, "VPN drops")
    await say(database, organization_id, "vpn  DROPS", relevant=False, minutes=1)
    [query] = await said_of(database, organization_id)
    assert query.relevant == {(SourceType.KB, ARTICLE): False}
    assert not query.complete


async def test_a_citation_outweighs_feedback_and_a_list_is_complete(database: Database, organization_id: UUID) -> None:
    await say(database, organization_id, "VPN drops", origin="citation")
    await say(database, organization_id, "VPN drops", relevant=False, minutes=1)
    await say(database, organization_id, "printer jam", origin="golden", source_id=OTHER, minutes=2)
    newest, older = await said_of(database, organization_id)
    assert newest.complete
    assert newest.relevant == {(SourceType.KB, OTHER): True}
    assert older.relevant == {(SourceType.KB, ARTICLE): True}


async def test_addresses_of_people_are_not_kept(database: Database, organization_id: UUID) -> None:
    await say(database, organization_id, "mail of anna@example.org is away")
    [query] = await said_of(database, organization_id)
    assert "anna@example.org" not in query.text


async def test_a_query_without_words_is_no_judgement(database: Database, organization_id: UUID) -> None:
    await say(database, organization_id, "  \n ")
    assert await said_of(database, organization_id) == []


async def test_another_organisation_sees_nothing_of_it(
    database: Database, organization_id: UUID, other_organization_id: UUID
) -> None:
    await say(database, organization_id, "VPN drops")
    assert await said_of(database, other_organization_id) == []


async def test_enough_news_asks_for_one_fit(database: Database, organization_id: UUID) -> None:
    for number in range(FIT_AFTER - 1):
        await say(database, organization_id, f"question {number}")
    assert await fits_asked_for(database, organization_id) == 0
    for number in range(FIT_AFTER, FIT_AFTER + 3):
        await say(database, organization_id, f"question {number}")
    assert await fits_asked_for(database, organization_id) == 1


async def test_too_few_judged_queries_fit_nothing(desk: Desk) -> None:
    await desk.publish("Printer jam", "Open the lid and pull the paper out.")
    await desk.index_all()
    await say(desk.database, desk.organization_id, "printer jam")
    report = await fit(desk)
    assert not report.promoted
    assert report.queries == 1


async def fit(desk: Desk) -> Any:
    return await fit_organization(
        desk.database, desk.embedder.inner, organization_id=desk.organization_id, now=NOW + timedelta(hours=1)
    )


async def own_weights(desk: Desk, organization_id: UUID, model: ActiveModel | None) -> Weights:
    async with desk.database.transaction(organization_id) as session:
        return await weights_for(session, organization_id=organization_id, model=model)


async def model_of(desk: Desk) -> ActiveModel:
    async with desk.database.transaction(None) as session:
        model = await active_model(session)
    assert model is not None
    return model


async def judged_desk(desk: Desk) -> None:
    """Publish articles about machines that only their numbers tell apart, and judge questions by those."""
    numbers = [f"HL-{700 + 7 * place}" for place in range(24)]
    for number in numbers:
        await desk.publish(f"Printer in room {number[-1]}", f"The printer {number} is restarted with its green button.")
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        rows = await session.execute(text("SELECT d.source_id, c.content FROM rag_documents d JOIN rag_chunks c "
                                          "ON c.document_id = d.id"))  # fmt: skip
        by_number = {number: row.source_id for row in rows for number in numbers if number in row.content}
    for number, article in by_number.items():
        question = f"restart {number}"
        await say(desk.database, desk.organization_id, question, source_id=article, origin="golden")


async def test_a_fit_is_promoted_when_it_is_not_worse_and_touches_no_other_desk(
    desk: Desk, other_organization_id: UUID
) -> None:
    await judged_desk(desk)
    report = await fit(desk)
    model = await model_of(desk)
    assert report.queries == 24
    assert report.promoted == (await own_weights(desk, desk.organization_id, model) != shipped_weights(model.name))
    assert report.metrics["ndcg_fitted"] >= report.metrics["ndcg_active"] or not report.promoted
    assert await own_weights(desk, other_organization_id, model) == shipped_weights(model.name)
    assert await own_weights(desk, desk.organization_id, None) == LEXICAL


@pytest.mark.parametrize("state", ["champion", "challenger", "retired"])
async def test_only_a_champion_of_the_same_model_ranks(desk: Desk, state: str) -> None:
    await desk.publish("Printer jam", "Open the lid.")
    await desk.index_all()
    model = await model_of(desk)
    own = Weights(-1.0, {"sim": 2.0})
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(
            text("INSERT INTO ml_models (id, organization_id, kind, version, weights, trained_on, state) "
                 "VALUES (:id, :organization_id, :kind, 1, :weights, 30, :state)"),
            {"id": new_id(), "organization_id": desk.organization_id, "kind": kind_of(model),
             "weights": write_weights(own), "state": state},
        )  # fmt: skip
    expected = own if state == "champion" else shipped_weights(model.name)
    assert await own_weights(desk, desk.organization_id, model) == expected
    other_model = ActiveModel(**(vars(model) | {"id": model.id + 1}))
    assert await own_weights(desk, desk.organization_id, other_model) == shipped_weights(model.name)


async def test_a_worse_challenger_is_kept_with_its_figures_but_does_not_rank(desk: Desk) -> None:
    await judged_desk(desk)
    first = await fit(desk)
    again = await fit(desk)
    assert not again.promoted
    assert again.reason
    async with desk.database.transaction(desk.organization_id) as session:
        rows = await session.execute(text("SELECT state, metrics FROM ml_models WHERE kind LIKE 'relevance/%'"))
        states = {row.state: row.metrics for row in rows}
    assert "reason" in states["challenger"]
    assert ("champion" in states) == first.promoted
