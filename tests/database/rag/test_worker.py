"""The index worker as a real process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from helpdesk.queue.wake import INDEX, WakeUp
from helpdesk.settings import Settings
from tests.database.rag.conftest import Desk
from tests.journeys.processes import Running, start

BODY = "Restart the laptop, wait for a minute and sign in again with the company account."
NO_RUNTIME = "http://127.0.0.1:9"

StartWorker = Callable[[str], Awaitable[Running]]


@pytest.fixture
async def start_worker(settings: Settings, tmp_path: Path) -> AsyncIterator[StartWorker]:
    running: list[Running] = []

    async def run(ollama_host: str) -> Running:
        environment = {
            "ATUM_DATABASE_URL": settings.database_url,
            "ATUM_OLLAMA_HOST": ollama_host,
            "ATUM_POLL_INTERVAL": "30",
        }
        worker = start("workers", "rag", log_file=tmp_path / f"rag-{len(running)}.log", environment=environment)
        running.append(worker)
        await worker.wait_for_log("event=rag_worker_started")
        return worker

    yield run
    for worker in running:
        if worker.process.poll() is None:
            await worker.stop(signal.SIGKILL)


async def test_a_wake_up_is_enough_to_be_indexed_and_a_stop_is_clean(
    desk: Desk, settings: Settings, start_worker: StartWorker, embedding_server: str
) -> None:
    worker = await start_worker(embedding_server)
    async with WakeUp(settings) as wake_up:
        article = await desk.publish("Restart", BODY)
        wake_up.notify(INDEX)
        told = await worker.wait_for_log("event=rag_batch_indexed.*", within_s=15)
    assert "documents=1 chunks=1 embedded=1 reused=0" in told.group()
    assert "duration=" in told.group()
    assert (await desk.find("sign in again after a restart")).results[0].source_id == article.id

    assert await worker.stop() == 0
    assert "event=database_connection_closed" in worker.log()
    assert await desk.indexer.connection.fetch("SELECT id FROM workers") == []


async def test_tasks_of_a_killed_worker_are_taken_over(
    desk: Desk, settings: Settings, start_worker: StartWorker, embedding_server: str
) -> None:
    article = await desk.publish("Restart", BODY)
    await desk.indexer.connection.fetch(
        "UPDATE rag_index_queue SET status = 'running', locked_by = gen_random_uuid(), lease = 7, claimed_version = 1, "
        "locked_at = now() - interval '10 minutes'"
    )
    environment = {
        "ATUM_DATABASE_URL": settings.database_url,
        "ATUM_OLLAMA_HOST": embedding_server,
        "ATUM_LEASE_TIMEOUT_S": "3",
        "ATUM_LEASE_HEARTBEAT_S": "1",
    }
    worker = start("workers", "rag", log_file=settings.data_dir / "rescuer.log", environment=environment)
    try:
        await worker.wait_for_log("event=index_tasks_rescued.* tasks=1", within_s=20)
        await worker.wait_for_log("event=rag_batch_indexed", within_s=20)
    finally:
        await worker.stop()
    assert await desk.status_of(article.id) == "done"


async def test_without_a_model_runtime_the_tasks_wait_and_are_not_failed(desk: Desk, start_worker: StartWorker) -> None:
    article = await desk.publish("Restart", BODY)
    worker = await start_worker(NO_RUNTIME)
    await worker.wait_for_log("event=index_waits_for_model", within_s=20)
    assert await worker.stop() == 0
    rows = await desk.indexer.connection.fetch("SELECT status, attempts FROM rag_index_queue")
    assert [tuple(row) for row in rows] == [("pending", 0)]
    assert await desk.status_of(article.id) == "pending"


async def test_a_stop_in_the_middle_of_a_batch_hands_the_rest_back(
    desk: Desk, start_worker: StartWorker, embedding_server: str
) -> None:
    for number in range(40):
        await desk.publish(f"Guide {number}", f"{BODY} {number}\n\n" * 30)
    worker = await start_worker(embedding_server)
    await asyncio.sleep(1.0)
    assert await worker.stop() == 0
    rows = await desk.indexer.connection.fetch("SELECT status, attempts, locked_by FROM rag_index_queue")
    assert {row["status"] for row in rows} <= {"pending", "done"}
    assert {(row["attempts"], row["locked_by"]) for row in rows} == {(0, None)}
    assert len(rows) == 40
