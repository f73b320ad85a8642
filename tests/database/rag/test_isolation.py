from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from helpdesk.database.base import new_id
from helpdesk.models.values import SourceType
from helpdesk.queue.link import Link
from helpdesk.rag.embedding.vectors import vectors_for
from helpdesk.rag.retrieval.query import SearchQuery
from helpdesk.rag.retrieval.search import search
from helpdesk.rag.text.terms import query_terms
from helpdesk.settings import Settings
from tests.database.rag.conftest import NOW, Desk

OURS = "Our router restarts when the tunnel to the warehouse comes up."
THEIRS = "The secret tunnel router password of the warehouse is swordfish."
EVERY_TYPE = tuple(SourceType)
EVERY_VISIBILITY = ("public", "customers", "internal")


async def both_indexed(desk: Desk, other: UUID) -> None:
    await desk.publish("Tunnel", OURS)
    await desk.publish("Tunnel", THEIRS, organization_id=other)
    await desk.index_all()


@pytest.mark.parametrize("words", ["swordfish", "secret tunnel router password", THEIRS, "Tunnel", "warehouse"])
@pytest.mark.parametrize("by_words_only", [True, False])
async def test_no_passage_of_another_organisation_is_found(
    desk: Desk, other_organization_id: UUID, words: str, by_words_only: bool
) -> None:
    await both_indexed(desk, other_organization_id)
    answer = await desk.find(
        words, by_words_only=by_words_only, types=EVERY_TYPE, visibility=EVERY_VISIBILITY, limit=100
    )
    assert all(result.content == OURS for result in answer.results)


async def test_the_same_text_in_two_organisations_stays_two(desk: Desk, other_organization_id: UUID) -> None:
    ours = await desk.publish("Tunnel", OURS)
    theirs = await desk.publish("Tunnel", OURS, organization_id=other_organization_id)
    await desk.index_all()
    for organization_id, article in ((desk.organization_id, ours), (other_organization_id, theirs)):
        query = SearchQuery(text=OURS, types=EVERY_TYPE, visibility=EVERY_VISIBILITY, limit=100, floor=0)
        async with desk.database.transaction(organization_id) as session:
            found = await search(session, organization_id=organization_id, query=query)
        assert [result.source_id for result in found.results] == [article.id]


async def test_the_database_refuses_to_search_another_organisation(desk: Desk, other_organization_id: UUID) -> None:
    await both_indexed(desk, other_organization_id)
    query = SearchQuery(text="swordfish", floor=0)
    for scope in (desk.organization_id, None):
        with pytest.raises(DBAPIError, match="stays in the organisation"):
            async with desk.database.transaction(scope) as session:
                await search(session, organization_id=other_organization_id, query=query)


async def test_the_salted_terms_of_another_organisation_find_nothing_here(
    desk: Desk, other_organization_id: UUID
) -> None:
    await both_indexed(desk, other_organization_id)
    statement = text("""
        SELECT count(*) FROM rag_search(:organization_id, NULL, CAST(:terms AS int[]), '{kb,ticket,asset}',
                                        '{public,internal}', NULL, 50, 12, 4000, 20, 0.5, '{}', NULL)
    """)
    for owner, found in ((other_organization_id, 0), (desk.organization_id, 1)):
        terms = query_terms("tunnel warehouse router", organization_id=owner)
        async with desk.database.transaction(desk.organization_id) as session:
            count = await session.scalar(statement, {"organization_id": desk.organization_id, "terms": terms})
        assert count == found


async def test_rows_of_the_index_are_hidden_from_other_organisations(desk: Desk, other_organization_id: UUID) -> None:
    await both_indexed(desk, other_organization_id)
    scope = {"texts": ["a query"], "now": NOW}
    await vectors_for(desk.database, desk.embedder, organization_id=other_organization_id, **scope)
    tables = (
        "rag_chunks",
        "rag_documents",
        "rag_term_stats",
        "rag_corpus_stats",
        "rag_embeddings_m1",
        "rag_index_queue",
    )
    async with desk.database.transaction(desk.organization_id) as session:
        for table in tables:
            owners = await session.scalars(text(f"SELECT DISTINCT organization_id FROM {table}"))
            assert owners.all() == [desk.organization_id], table
        assert await session.scalar(text("SELECT count(*) FROM rag_input_vectors")) == 0
    async with desk.database.transaction(None) as session:
        for table in tables:
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table


async def test_a_vector_cannot_be_written_for_another_organisation(desk: Desk, other_organization_id: UUID) -> None:
    await both_indexed(desk, other_organization_id)
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with desk.database.transaction(desk.organization_id) as session:
            await session.execute(
                text("""
                    INSERT INTO rag_embeddings_m1
                    SELECT :id, :other, 'kb', 'public', embedding FROM rag_embeddings_m1
                """),
                {"id": new_id(), "other": other_organization_id},
            )


@pytest.mark.parametrize(
    "call",
    [
        "SELECT rag_search(gen_random_uuid(), NULL, '{}', '{}', '{}', NULL, 1, 1, 1, 1, 0, '{}', 1::smallint)",
        "SELECT rag_nearest(gen_random_uuid(), '[1]', '{}', '{}', NULL, 1, 1::smallint)",
        "SELECT rag_scan(1::smallint, 'x', gen_random_uuid(), 'kb', '', '1')",
        "SELECT rag_votes('x', 'x', '{}', 1)",
        "SELECT rag_filter('{}')",
        "SELECT rag_register_model('x', 'x', 4, '', '', 1, false)",
    ],
)
async def test_only_the_app_role_may_call_the_functions(desk: Desk, settings: Settings, call: str) -> None:
    link = Link(settings, application="test", role="atum_worker")
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for function"):
            await link.fetch(call)
    finally:
        await link.close()
