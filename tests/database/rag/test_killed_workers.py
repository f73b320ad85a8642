"""Index workers killed in the middle of their work, as real processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.rag.indexing.reconcile import reconcile
from helpdesk.settings import Settings
from tests.database.rag.conftest import Desk
from tests.database.rag.snapshot import snapshot
from tests.journeys.processes import Running, start
from tests.scripted_ollama import ScriptedOllama, serve_scripted_ollama

BODY = "Restart the laptop, wait for a minute and sign in again with the company account. "


def worker(settings: Settings, runtime: ScriptedOllama, number: int) -> Running:
    environment = {
        "ATUM_DATABASE_URL": settings.database_url,
        "ATUM_OLLAMA_HOST": runtime.url,
        "ATUM_LEASE_TIMEOUT_S": "2",
        "ATUM_LEASE_HEARTBEAT_S": "0.5",
        "ATUM_POLL_INTERVAL": "0.2",
    }
    return start("workers", "rag", log_file=settings.data_dir / f"rag-{number}.log", environment=environment)


async def done(desk: Desk) -> int:
    rows = await desk.indexer.connection.fetch("SELECT count(*) AS n FROM rag_index_queue WHERE status = 'done'")
    return int(rows[0]["n"])


@pytest.fixture
def runtime() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


async def test_killed_workers_leave_the_index_that_a_rebuild_makes(
    desk: Desk, settings: Settings, runtime: ScriptedOllama
) -> None:
    articles = 40
    for number in range(articles):
        await desk.publish(f"Guide {number}", "\n\n".join(f"## Part {part}\n\n{BODY * 3}{number}" for part in range(3)))
    for number in range(2):
        before = await done(desk)
        running = worker(settings, runtime, number)
        try:
            # In the middle of a batch: some of it is written, some is being embedded.
            for _ in range(600):
                if await done(desk) > before or running.process.poll() is not None:
                    break
                await asyncio.sleep(0.02)
        finally:
            await running.stop(signal.SIGKILL)
    last = worker(settings, runtime, 9)
    try:
        for _ in range(1200):
            if await done(desk) == articles:
                break
            await asyncio.sleep(0.05)
    finally:
        assert await last.stop() == 0
    rows = await desk.indexer.connection.fetch("SELECT DISTINCT status, attempts FROM rag_index_queue")
    assert [tuple(row) for row in rows] == [("done", 0)]

    async with desk.database.transaction(desk.organization_id) as session:
        reached = await snapshot(session)
    assert len(reached["documents"]) == articles
    async with desk.database.transaction(desk.organization_id) as session:
        for table in ("rag_documents", "rag_nodes", "rag_term_stats", "rag_corpus_stats", "rag_index_queue"):
            await session.execute(text(f"DELETE FROM {table}"))
        assert await reconcile(session, organization_id=desk.organization_id, open_tickets=True) == articles
    models = connect_models(settings.model_copy(update={"ollama_host": runtime.url}))
    await replace(desk, indexer=replace(desk.indexer, embedder=models.embedder)).index_all()
    await models.close()
    async with desk.database.transaction(desk.organization_id) as session:
        rebuilt = await snapshot(session)
    assert rebuilt == reached
    assert all(row[-1] is not None for row in reached["passages"])
