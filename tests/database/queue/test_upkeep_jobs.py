"""The scheduled jobs, enqueued by a worker's own scheduler and run by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import workers.handlers  # noqa: F401 (registers them)
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.queue.catalog import ReconcileIndex
from helpdesk.queue.claim import HEARTBEAT
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.queue.schedule import SCHEDULE
from helpdesk.rag.indexing import reconcile as reconciling
from helpdesk.settings import Settings
from tests.database.desk import NOW
from tests.database.queue.jobs import NO_MODELS, until
from workers.handlers import reconcile_index
from workers.lifecycle import worker_process
from workers.rag_worker import RagWorker
from workers.registry import handlers
from workers.runner import Runner
from workers.upkeep import maintain_forever


@asynccontextmanager
async def a_worker(settings: Settings, *, upkeep: bool) -> AsyncIterator[None]:
    """Run a job worker with the product's own handlers; it drains at the end."""
    stopping = asyncio.Event()
    async with worker_process(settings, kind="job", stopping=stopping, heartbeat_sql=HEARTBEAT) as process:
        runner = Runner(process, handlers=handlers, models=NO_MODELS, capacity=4, upkeep=upkeep)
        running = asyncio.create_task(runner.run())
        try:
            yield
        finally:
            stopping.set()
            await running


async def until_scheduled(connection: Link, job_type: str) -> UUID:
    async with asyncio.timeout(10):
        while True:
            rows = await connection.fetch("SELECT id FROM job_queue WHERE job_type = $1", job_type)
            if rows:
                return UUID(str(rows[0]["id"]))
            await asyncio.sleep(0.05)


async def published(database: Database, organization_id: UUID, count: int) -> None:
    """Publish articles that the index has not heard of."""
    async with database.transaction(organization_id) as session:
        for number in range(count):
            article = await create_article(
                session,
                organization_id=organization_id,
                new=NewArticle(title=f"Article {number}", body="Restart the laptop."),
                author_id=None,
                now=NOW,
            )
            await publish_article(session, organization_id=organization_id, article_id=article.id, now=NOW)


async def forget_requests(connection: Link) -> None:
    await connection.fetch("DELETE FROM rag_index_queue")


async def queued(connection: Link) -> int:
    return int((await connection.fetch("SELECT count(*) FROM rag_index_queue"))[0][0])


async def reconciled(settings: Settings, database: Database, organization_id: UUID, connection: Link) -> dict[str, Any]:
    async with database.transaction(organization_id) as session:
        job = await enqueue(session, ReconcileIndex(), organization_id=organization_id)
    async with a_worker(settings, upkeep=False):
        return await until(connection, job, "completed")


async def test_a_worker_enqueues_what_is_due_runs_it_and_makes_partitions(
    settings: Settings, organization_id: UUID, connection: Link, tmp_path: Path
) -> None:
    file = tmp_path / "schedule.toml"
    others = [entry.name for entry in SCHEDULE if entry.name != "clean_up"]
    file.write_text("".join(f"[{name}]\nenabled = false\n" for name in others))
    await connection.fetch("INSERT INTO cron_ticks VALUES ('clean_up', now() - interval '2 hours')")
    async with a_worker(settings.model_copy(update={"schedule_file": file}), upkeep=True):
        job = await until(connection, await until_scheduled(connection, "CLEAN_UP"), "completed")
    assert job["organization_id"] == organization_id
    assert (job["unique_key"], job["limit_key"], job["priority"]) == ("cron:clean_up", "type:CLEAN_UP", "low")
    assert '"finished": true' in job["result"]
    names = {row["name"] for row in await connection.fetch("SELECT name FROM cron_ticks")}
    assert names == {"clean_up", "transaction_horizon", "unknown_job_types"}


async def test_what_the_index_has_missed_is_queued(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await published(database, organization_id, 3)
    await forget_requests(connection)
    job = await reconciled(settings, database, organization_id, connection)
    assert job["result"] == '{"files": 0, "queued": 3}'
    assert await queued(connection) == 3
    assert (await reconciled(settings, database, organization_id, connection))["result"] == '{"files": 0, "queued": 0}'


async def test_an_index_that_misses_much_is_queued_in_rounds(
    settings: Settings,
    database: Database,
    organization_id: UUID,
    connection: Link,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciling, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(reconcile_index, "MOST_AT_ONCE", 2)
    await published(database, organization_id, 5)
    await forget_requests(connection)
    job = await reconciled(settings, database, organization_id, connection)
    assert job["result"] == '{"files": 0, "queued": 5}'
    assert await queued(connection) == 5


async def test_an_index_worker_begins_the_index_of_an_organisation_that_has_none(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await published(database, organization_id, 3)
    await forget_requests(connection)
    stopping = asyncio.Event()
    async with worker_process(settings, kind="rag", stopping=stopping) as process:
        worker = RagWorker(process, NO_MODELS)  # type: ignore[arg-type]
        await worker.begin_empty_indexes()
        assert await queued(connection) == 3
        await connection.fetch("UPDATE rag_index_queue SET status = 'done'")
        raw = await database.connect_raw(role="atum_owner")
        await raw.execute(
            "INSERT INTO rag_documents (id, organization_id, source_type, source_id, source_version, title, visibility,"
            " content_hash, chunker_version, indexed_at)"
            " SELECT gen_random_uuid(), organization_id, 'kb', id, version, 'a', 'public', '', 0, now()"
            " FROM kb_articles LIMIT 1"
        )
        await raw.close()
        # What is missing in an index that is there is for the scheduled job.
        await worker.begin_empty_indexes()
        rows = await connection.fetch("SELECT status FROM rag_index_queue")
    assert {row["status"] for row in rows} == {"done"}


async def test_a_job_that_nobody_knows_is_set_aside_by_the_upkeep_after_a_day(
    settings: Settings, organization_id: UUID, connection: Link
) -> None:
    await connection.fetch(
        "INSERT INTO job_queue (id, organization_id, job_type, run_after, created_at)"
        " SELECT gen_random_uuid(), $1, 'GONE_WITH_A_PLUG_IN', t, t FROM (VALUES (now() - interval '25 hours'),"
        " (now() - interval '23 hours')) AS times (t)",
        organization_id,
    )
    stopping = asyncio.Event()
    async with worker_process(settings, kind="job", types=["CLEAN_UP"], stopping=stopping) as process:
        upkeep = asyncio.create_task(maintain_forever(process))
        async with asyncio.timeout(10):
            while True:
                if await connection.fetch("SELECT FROM job_queue WHERE status = 'dead_letter'"):
                    break
                await asyncio.sleep(0.05)
        stopping.set()
        await upkeep
    rows = await connection.fetch("SELECT status, last_error FROM job_queue ORDER BY created_at")
    assert [row["status"] for row in rows] == ["dead_letter", "pending"]
    assert rows[0]["last_error"] == "no worker knows the job type GONE_WITH_A_PLUG_IN"
