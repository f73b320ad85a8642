"""A worker that PostgreSQL has not enough connections for."""

import asyncio
from pathlib import Path
from uuid import UUID

from helpdesk.database.budget import look_at_budget
from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests.database.queue.jobs import row
from tests.journeys.jobs_for_tests import LeaveMark
from tests.journeys.worker.processes import StartWorker, add, exit_code
from workers.fleet import CONNECTIONS_PER_WORKER


async def test_it_refuses_to_start_and_says_what_to_do(
    database: Database, connection: Link, start_worker: StartWorker, tmp_path: Path
) -> None:
    budget = await look_at_budget(connection)
    # The worker's own first connection and the one that looked just now are there as well.
    taken = [
        await database.connect_raw(role="atum_app")
        for _ in range(budget.allowed - budget.in_use - CONNECTIONS_PER_WORKER)
    ]
    try:
        worker = start_worker()
        assert await exit_code(worker, within_s=30) == 2
    finally:
        await asyncio.gather(*(one.close() for one in taken))
    said = (tmp_path / "worker0.log").read_text()
    assert "The worker cannot start: This process needs 6 connections, and of the 197 that PostgreSQL allows" in said
    assert "Raise max_connections" in said
    assert "Traceback" not in said
    assert await connection.fetch("SELECT 1 FROM workers") == []


async def test_it_never_holds_more_than_it_says(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    jobs = await add(database, organization_id, *(LeaveMark(seconds=0.05) for _ in range(600)))
    start_worker("--concurrency", "50")
    held = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'atum-desk-job-worker%'"
    )
    most = 0
    async with asyncio.timeout(40):
        while (await row(connection, jobs[-1]))["status"] != "completed":
            most = max(most, (await connection.fetch(held))[0][0])
            await asyncio.sleep(0.02)
    assert 4 <= most <= CONNECTIONS_PER_WORKER
