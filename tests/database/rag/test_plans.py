"""What PostgreSQL does for a search: the exact scan, and the index on terms in spite of row-level security."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from helpdesk.database.engine import Database, connect_raw
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.halfvec import write_weights
from helpdesk.rag.maintenance.thresholds import Limits
from helpdesk.rag.retrieval.query import Audience, SearchFilters, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.rag.text.terms import bm25_weights, count_terms, query_terms
from helpdesk.settings import Settings
from tests.database.rag.conftest import Desk
from tests.database.rag.corpus import open_corpus
from tests.database.rag.test_vector_indexes import maintained

CHUNKS = 3000
AGENTS = visible_to(Audience.AGENTS)
# Whoever has nine tenths of a table may as well have all of it read.
SLACK = 1.2
_FILL = text("""
    INSERT INTO rag_chunks (id, organization_id, document_id, source_type, visibility, ordinal, chunk_hash, content,
           char_start, char_end, length, terms, bm25)
    SELECT gen_random_uuid(), :organization_id, d.id, 'kb', 'public', n, '', 'text ' || n, 0, 4, 1,
           ARRAY[:common, n], CAST(:weights AS sparsevec)
      FROM rag_documents d, generate_series(100, :last) AS n
""")
# Of all organisations, and as large as all of them together.
_READ = ("rag_chunks", "rag_documents", "rag_nodes", "rag_edges", "rag_term_stats", "rag_corpus_stats")
_EXPLAIN_ALL = (
    "LOAD 'auto_explain'",
    "SET LOCAL auto_explain.log_min_duration = 0",
    "SET LOCAL auto_explain.log_nested_statements = on",
    "SET LOCAL auto_explain.log_analyze = on",
    "SET LOCAL auto_explain.log_format = json",
    "SET LOCAL client_min_messages = log",
)
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


async def test_no_plan_reads_more_of_a_table_than_its_organisation_has(
    database: Database, settings: Settings, organization_id: UUID, other_organization_id: UUID
) -> None:
    corpus = await open_corpus(database)
    large, small = 1500, 150
    for owner, count in ((organization_id, large), (other_organization_id, small)):
        for kind in SourceType:
            contents = [f"router {kind} {number} restarts" for number in range(count)]
            await corpus.add(owner, contents, source_type=kind, meta={"tags": ["vpn"]})
    await maintained(settings, limits=Limits(build_above=1000, drop_below=500))
    async with database.transaction(None, role="atum_owner") as session:
        await session.execute(text(f"ANALYZE rag_chunks, rag_documents, {corpus.vectors}"))

    for owner, count in ((organization_id, large), (other_organization_id, small)):
        for vector in (None, corpus.draw(1)[0]):
            for filters in (SearchFilters(), SearchFilters(tags=("vpn",))):
                query = SearchQuery(
                    "router restarts 77",
                    vector=vector,
                    types=tuple(SourceType),
                    visibility=AGENTS,
                    filters=filters,
                )
                for node in [node for plan in await plans_of(settings, owner, query) for node in nodes(plan)]:
                    if node.get("Relation Name") in {*_READ, corpus.vectors}:
                        assert node["Node Type"] != "Seq Scan", node
                        assert read_by(node) <= SLACK * len(SourceType) * count, node
        # The large organisation's vectors are found by their graph, the small one's are scanned.
        plain = SearchQuery("x", vector=corpus.draw(1)[0], types=(SourceType.TICKET,), visibility=AGENTS)
        found = [node for plan in await plans_of(settings, owner, plain) for node in nodes(plan)]
        indexes = {node.get("Index Name", "") for node in found}
        assert any(name.startswith("hnsw") for name in indexes) is (count == large)


def read_by(node: dict[str, Any]) -> float:
    """Return how many rows a scan has looked at, in all its rounds."""
    each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float(each) if node["Actual Loops"] == 1 else 0.0


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


async def plans_of(settings: Settings, owner: UUID, query: SearchQuery) -> list[dict[str, Any]]:
    """Search as a superuser who has every statement of the function explained."""
    url = make_url(settings.database_url).set(username="postgres").render_as_string(hide_password=False)
    watched = Database(settings.model_copy(update={"database_url": url}), application="test")
    plans: list[dict[str, Any]] = []

    def keep(_connection: object, message: Any) -> None:
        _, _, plan = message.message.partition("plan:\n")
        if plan:
            plans.append(json.loads(plan)["Plan"])

    try:
        async with watched.transaction(owner) as session:
            await session.execute(text("RESET ROLE"))
            try:
                for statement in _EXPLAIN_ALL:
                    await session.execute(text(statement))
            except DBAPIError as error:
                if "could not access file" not in str(error):
                    raise
                pytest.skip("this build of PostgreSQL has no auto_explain")
            await session.execute(text("SET LOCAL ROLE atum_app"))
            raw = await (await session.connection()).get_raw_connection()
            raw.driver_connection.add_log_listener(keep)
            await search(session, organization_id=owner, query=query)
        await asyncio.sleep(0)
    finally:
        await watched.close()
    return plans
