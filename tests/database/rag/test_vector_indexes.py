"""Graph indexes over vectors: when they come and go, and what a killed run leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from helpdesk.database.engine import Database, connect_raw
from helpdesk.models.values import SourceType
from helpdesk.rag.maintenance import recall
from helpdesk.rag.maintenance.connection import MaintenanceRunning, NoWayPastPooler
from helpdesk.rag.maintenance.queries import vector_indexes
from helpdesk.rag.maintenance.thresholds import Limits
from helpdesk.rag.maintenance.upkeep import Round, Upkeep
from helpdesk.rag.retrieval.nearest import nearest
from helpdesk.settings import Settings
from tests.database.rag.corpus import Corpus, open_corpus

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LIMITS = Limits(build_above=300, drop_below=150)
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%index-maintenance'"
_INDEXES = text("SELECT relname FROM pg_class WHERE relkind = 'i' AND relname LIKE 'hnsw%' ORDER BY 1")


async def maintained(settings: Settings, *, limits: Limits = LIMITS, checks: bool = False) -> Upkeep:
    async def tell(_percent: float, _message: str) -> None:
        pass

    return await Round(settings, lambda: NOW, tell, limits, checks).run()


@pytest.fixture
async def corpus(database: Database) -> Corpus:
    return await open_corpus(database)


async def tickets(corpus: Corpus, organization_id: UUID, count: int) -> list[UUID]:
    contents = [f"ticket {number}" for number in range(count)]
    return (await corpus.add(organization_id, contents, source_type=SourceType.TICKET)).chunks


async def remove(corpus: Corpus, organization_id: UUID, chunks: list[UUID]) -> None:
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(text("DELETE FROM rag_chunks WHERE id = ANY(:ids)"), {"ids": chunks})
    await corpus.count(organization_id)


async def names(database: Database) -> list[str]:
    async with database.transaction(None, role="atum_owner") as session:
        return list(await session.scalars(_INDEXES))


async def states(database: Database, organization_id: UUID) -> list[tuple[str, str, int | None]]:
    async with database.transaction(organization_id) as session:
        found = await vector_indexes(session, organization_id=organization_id)
    return [(one.source_type, one.state, one.vectors) for one in found]


async def found_near(corpus: Corpus, organization_id: UUID, vector: Any, k: int = 10) -> list[UUID]:
    async with corpus.database.transaction(organization_id) as session:
        near = await nearest(
            session,
            organization_id=organization_id,
            vector=vector,
            source_types=tuple(SourceType),
            k=k,
            visibility=("public",),
        )
    return [one.chunk_id for one in near]


async def test_many_vectors_get_a_graph_of_their_own_and_few_do_not(
    corpus: Corpus, settings: Settings, organization_id: UUID, other_organization_id: UUID
) -> None:
    await tickets(corpus, organization_id, 400)
    await tickets(corpus, other_organization_id, 200)
    asked = corpus.draw(1)[0]
    before = await found_near(corpus, other_organization_id, asked)

    done = await maintained(settings)

    name = f"hnsw_m{corpus.model_id}_{organization_id.hex}_ticket"
    assert (done.built, await names(corpus.database)) == ([name], [name])
    assert await states(corpus.database, organization_id) == [("ticket", "ready", 400)]
    assert await states(corpus.database, other_organization_id) == []
    assert await found_near(corpus, other_organization_id, asked) == before
    assert (await maintained(settings)).as_result() == Upkeep().as_result()


async def test_the_graph_finds_what_the_exact_scan_finds_and_is_really_used(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    await tickets(corpus, organization_id, 600)
    asked = corpus.draw(20)
    exact = [await found_near(corpus, organization_id, vector) for vector in asked]
    await maintained(settings)

    graph = [await found_near(corpus, organization_id, vector) for vector in asked]

    shared = sum(len({*one} & {*other}) for one, other in zip(exact, graph, strict=True))
    assert shared >= 0.98 * 200
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(text("SELECT pg_stat_force_next_flush()"))
    async with corpus.database.transaction(organization_id) as session:
        scans = await session.scalar(text("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE 'hnsw%'"))
    assert scans == 20


async def test_between_the_two_thresholds_what_is_there_stays(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    chunks = await tickets(corpus, organization_id, 310)
    await maintained(settings)
    # The size of so small an index says little of how much of it is stale.
    calm = Limits(build_above=300, drop_below=150, stale_share=0.9)

    await remove(corpus, organization_id, chunks[:100])
    assert (await maintained(settings, limits=calm)).as_result() == Upkeep().as_result()

    await remove(corpus, organization_id, chunks[100:200])
    assert len((await maintained(settings, limits=calm)).dropped) == 1
    assert (await names(corpus.database), await states(corpus.database, organization_id)) == ([], [])

    await tickets(corpus, organization_id, 100)
    assert (await maintained(settings, limits=calm)).built == []


async def test_a_graph_of_many_deleted_vectors_is_built_anew_and_gets_smaller(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    chunks = await tickets(corpus, organization_id, 2000)
    await maintained(settings)
    size = text("SELECT pg_relation_size(index_name::regclass) FROM rag_vector_indexes")
    async with corpus.database.transaction(organization_id) as session:
        before = await session.scalar(size)
    await tickets(corpus, organization_id, 300)
    assert (await maintained(settings)).rebuilt == []

    await remove(corpus, organization_id, chunks[:1200])
    done = await maintained(settings)

    assert len(done.rebuilt) == 1
    assert await states(corpus.database, organization_id) == [("ticket", "ready", 1100)]
    async with corpus.database.transaction(organization_id) as session:
        assert (await session.scalar(size) or 0) < 0.8 * (before or 0)
    assert (await maintained(settings)).rebuilt == []


async def hanging(
    corpus: Corpus, settings: Settings, organization_id: UUID, during: Callable[[], Any]
) -> BaseException | Upkeep:
    """Let a build wait for a writer, do something meanwhile, and return how the build ended."""
    async with corpus.database.transaction(organization_id) as writer:
        await writer.execute(text(f"UPDATE {corpus.vectors} SET visibility = visibility"))
        building = asyncio.create_task(maintained(settings))
        async with asyncio.timeout(30):
            while not await names(corpus.database):  # noqa: ASYNC110 -- PostgreSQL tells nobody
                await asyncio.sleep(0.05)
        await during()
    [ended] = await asyncio.gather(building, return_exceptions=True)
    return ended


async def test_what_a_killed_build_leaves_is_dropped_and_built_again(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    await tickets(corpus, organization_id, 400)
    asked = corpus.draw(1)[0]
    exact = await found_near(corpus, organization_id, asked)

    async def kill() -> None:
        login = await connect_raw(settings, application="test", role=None)
        await login.execute(_TERMINATE)
        await login.close()

    assert isinstance(await hanging(corpus, settings, organization_id, kill), Exception)
    assert await states(corpus.database, organization_id) == [("ticket", "building", None)]
    assert await found_near(corpus, organization_id, asked) == exact

    done = await maintained(settings)

    assert len(done.built) == 1
    assert await states(corpus.database, organization_id) == [("ticket", "ready", 400)]


async def test_of_two_runs_at_once_one_steps_back(corpus: Corpus, settings: Settings, organization_id: UUID) -> None:
    await tickets(corpus, organization_id, 400)

    async def try_as_well() -> None:
        with pytest.raises(MaintenanceRunning):
            await maintained(settings)

    ended = await hanging(corpus, settings, organization_id, try_as_well)

    assert isinstance(ended, Upkeep)
    assert len(ended.built) == 1


async def test_a_whole_graph_that_a_killed_run_did_not_speak_of_is_taken_over(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    await tickets(corpus, organization_id, 400)
    await maintained(settings)
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(text("UPDATE rag_vector_indexes SET state = 'building', rows_at_build = NULL"))

    done = await maintained(settings)

    assert done.as_result() == Upkeep().as_result()
    assert await states(corpus.database, organization_id) == [("ticket", "ready", 400)]


async def test_the_graph_of_an_organisation_that_is_gone_goes_too(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    await tickets(corpus, organization_id, 400)
    await maintained(settings)
    async with corpus.database.transaction(None, role="atum_owner") as session:
        await session.execute(text("DELETE FROM organizations WHERE id = :id"), {"id": organization_id})

    assert len((await maintained(settings)).swept) == 1
    assert await names(corpus.database) == []


async def test_a_model_that_is_being_built_gets_its_graph_when_its_vectors_are_complete(
    corpus: Corpus, settings: Settings, organization_id: UUID
) -> None:
    chunks = await tickets(corpus, organization_id, 700)
    other = await open_corpus(corpus.database, name="next", building=True)
    copy = text(f"INSERT INTO {other.vectors} SELECT * FROM {corpus.vectors} WHERE chunk_id = ANY(:ids)")
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(copy, {"ids": chunks[:500]})
    first = await maintained(settings)
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(copy, {"ids": chunks[500:]})

    second = await maintained(settings)

    assert first.built == [f"hnsw_m{corpus.model_id}_{organization_id.hex}_ticket"]
    assert second.built == [f"hnsw_m{other.model_id}_{organization_id.hex}_ticket"]


async def test_the_probe_measures_recall_and_warns_of_too_little(
    corpus: Corpus, settings: Settings, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tickets(corpus, organization_id, 400)
    assert (await maintained(settings, checks=True)).low_recall == []
    async with corpus.database.transaction(organization_id) as session:
        [report] = await vector_indexes(session, organization_id=organization_id)
    assert report.recall is not None
    assert (report.recall >= 0.95, report.probed_at, report.recall_low) == (True, NOW, False)

    monkeypatch.setattr(recall, "ALARM_BELOW", 1.01)
    with capture_logs() as logged:
        done = await maintained(settings, checks=True)

    assert len(done.low_recall) == 1
    async with corpus.database.transaction(organization_id) as session:
        # It is within what is wanted, so it is searched as before.
        assert await session.scalar(text("SELECT ef_search FROM rag_vector_indexes")) == 200
    assert [entry["event"] for entry in logged if entry["log_level"] == "warning"] == ["vector_index_recall_low"]


async def test_no_index_is_maintained_through_a_pooler(settings: Settings) -> None:
    with pytest.raises(NoWayPastPooler):
        await maintained(settings.model_copy(update={"database_pgbouncer": True}))


async def test_a_graph_that_finds_less_than_is_wanted_is_searched_more_thoroughly(
    corpus: Corpus, settings: Settings, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tickets(corpus, organization_id, 400)
    monkeypatch.setattr(recall, "WANTED", 1.01)

    await maintained(settings, checks=True)

    async with corpus.database.transaction(organization_id) as session:
        assert await session.scalar(text("SELECT ef_search FROM rag_vector_indexes")) == 1000
    assert len(await found_near(corpus, organization_id, corpus.draw(1)[0])) == 10
