"""What PostgreSQL does for a search: the exact scan, and the index on terms in spite of row-level security."""

from __future__ import annotations

import asyncpg
from sqlalchemy import text

from helpdesk.database.engine import connect_raw
from helpdesk.rag.embedding.halfvec import write_weights
from helpdesk.rag.retrieval.query import SearchQuery
from helpdesk.rag.retrieval.search import search
from helpdesk.rag.text.terms import bm25_weights, count_terms, query_terms
from helpdesk.settings import Settings
from tests.database.rag.conftest import Desk

CHUNKS = 3000
_FILL = text("""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, chunk_hash, content,
           char_start, char_end, length, terms, bm25)
    SELECT gen_random_uuid(), :organization_id, d.id, 'kb', 'public', n, '', 'text ' || n, 0, 4, 1,
           ARRAY[:common, n], CAST(:weights AS sparsevec)
      FROM rag_documents d, generate_series(100, :last) AS n
""")
_LEXICAL = """
    EXPLAIN SELECT c.id FROM rag_chunks c
     WHERE c.organization_id = '{organization}' AND c.source_type = ANY('{{kb}}') AND c.visibility = ANY('{{public}}')
       AND c.terms && ARRAY{terms}
     ORDER BY -(c.bm25 <#> '{idf}'::sparsevec) DESC, c.id LIMIT 50
"""


async def filled(desk: Desk) -> list[int]:
    await desk.publish("Rare word", "The zirconium sensor reports a fault.")
    await desk.index_all()
    weights = write_weights(bm25_weights(count_terms(["text"], organization_id=desk.organization_id), length=1))
    async with desk.database.transaction(desk.organization_id) as session:
        await session.execute(
            _FILL,
            {"organization_id": desk.organization_id, "last": 99 + CHUNKS, "common": 7, "weights": weights},
        )
    async with desk.database.transaction(desk.organization_id, role="atum_owner") as session:
        await session.execute(text("ANALYZE rag_chunks"))
    return query_terms("zirconium", organization_id=desk.organization_id)


async def test_a_search_reads_the_index_on_terms(desk: Desk) -> None:
    await filled(desk)
    before = await _scans(desk)
    query = SearchQuery(text="zirconium", floor=0)
    async with desk.database.transaction(desk.organization_id) as session:
        found = await search(session, organization_id=desk.organization_id, query=query)
        assert len(found.results) == 1
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
    assert await _scans(desk) > before


async def test_under_row_level_security_alone_the_index_on_terms_is_out_of_reach(
    desk: Desk, settings: Settings
) -> None:
    terms = await filled(desk)
    for role, uses_index in (("atum_search", True), ("atum_app", False)):
        plan = await _plan(settings, role, str(desk.organization_id), terms)
        assert ("ix_rag_chunks_terms" in plan) is uses_index, plan


async def _plan(settings: Settings, role: str, organization: str, terms: list[int]) -> str:
    connection: asyncpg.Connection = await connect_raw(settings, application="test", role=None)
    try:
        await connection.execute(f"SET ROLE {role}; SET atum.organization_id = '{organization}'")
        idf = write_weights(dict.fromkeys(terms, 1.0))
        rows = await connection.fetch(_LEXICAL.format(organization=organization, terms=terms, idf=idf))
    finally:
        await connection.close()
    return "\n".join(row[0] for row in rows)


async def _scans(desk: Desk) -> int:
    async with desk.database.transaction(desk.organization_id) as session:
        count = await session.scalar(
            text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_rag_chunks_terms'")
        )
    return int(count or 0)


async def test_vectors_are_stored_in_line_and_scanned_exactly(desk: Desk) -> None:
    await desk.publish("Rare word", "The zirconium sensor reports a fault.")
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        storage = await session.scalar(
            text(
                "SELECT attstorage FROM pg_attribute"
                " WHERE attrelid = 'rag_embeddings_m1'::regclass AND attname = 'embedding'"
            )
        )
        indexes = await session.scalars(
            text("SELECT indexname FROM pg_indexes WHERE tablename = 'rag_embeddings_m1' ORDER BY 1")
        )
        assert storage == b"p"
        assert indexes.all() == ["ix_rag_embeddings_m1", "rag_embeddings_m1_pkey"]
