"""Counts of terms and passages: drift is healed, and what is written meanwhile stays counted."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.indexing.statistics import Delta, apply_delta
from helpdesk.rag.maintenance.connection import open_maintenance
from helpdesk.rag.maintenance.recount import recount_all
from helpdesk.rag.text.terms import term_hash
from tests.database.rag.corpus import Corpus, open_corpus

_TERMS = text("SELECT term, df FROM rag_term_stats ORDER BY term")
_PASSAGES = text("SELECT chunks, total_length FROM rag_corpus_stats")
_ONE_MORE = text("""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, chunk_hash, content,
           char_start, char_end, length, terms, bm25)
    SELECT gen_random_uuid(), organization_id, document_id, source_type, visibility, 99, chunk_hash, content,
           char_start, char_end, length, terms, bm25
      FROM rag_chunks WHERE id = :id
    RETURNING terms, length
""")


@pytest.fixture
async def corpus(database: Database) -> Corpus:
    return await open_corpus(database)


async def counts(corpus: Corpus, organization_id: UUID) -> tuple[dict[int, int], list[tuple[int, ...]]]:
    async with corpus.database.transaction(organization_id) as session:
        terms = {row.term: row.df for row in await session.execute(_TERMS)}
        return terms, [tuple(row) for row in await session.execute(_PASSAGES)]


async def test_drift_is_healed_and_terms_that_are_gone_are_forgotten(
    corpus: Corpus, organization_id: UUID, other_organization_id: UUID
) -> None:
    for owner in (organization_id, other_organization_id):
        await corpus.add(owner, ["printer jam", "printer toner"])
    truth = [await counts(corpus, owner) for owner in (organization_id, other_organization_id)]
    assert truth[0] == (
        {term_hash(word, organization_id): df for word, df in (("printer", 2), ("jam", 1), ("toner", 1))},
        [(2, 4)],
    )
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(text("UPDATE rag_term_stats SET df = df + 5 WHERE df = 2"))
        await session.execute(text("DELETE FROM rag_term_stats WHERE df = 1"))
        await session.execute(text("INSERT INTO rag_term_stats VALUES (:id, 7, 3)"), {"id": organization_id})
        await session.execute(text("UPDATE rag_corpus_stats SET chunks = 9"))

    assert await corpus.count(organization_id) == 5
    assert [await counts(corpus, owner) for owner in (organization_id, other_organization_id)] == truth
    async with open_maintenance(corpus.database.settings) as connection:
        assert await recount_all(connection) == 0


async def test_what_is_written_while_terms_are_counted_is_counted_once(corpus: Corpus, organization_id: UUID) -> None:
    added = await corpus.add(organization_id, ["printer jam", "printer toner"])
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(text("UPDATE rag_term_stats SET df = df + 5"))

    async with corpus.database.transaction(organization_id) as writer:
        row = (await writer.execute(_ONE_MORE, {"id": added.chunks[0]})).one()
        delta = Delta()
        delta.count(row.terms, length=row.length, sign=1)
        await apply_delta(writer, organization_id=organization_id, source_type=SourceType.KB, delta=delta)
        counting = asyncio.create_task(corpus.count(organization_id))
        # It waits for the rows that the writer has changed, or sees the state of before; either is right.
        await asyncio.sleep(0.3)
    await counting

    expected = {term_hash(word, organization_id): df for word, df in (("printer", 3), ("jam", 2), ("toner", 1))}
    assert await counts(corpus, organization_id) == (expected, [(3, 6)])
