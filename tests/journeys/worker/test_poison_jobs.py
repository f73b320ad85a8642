"""A job that kills its process ends as a dead letter, and takes none of its neighbours along."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests.database.queue.jobs import history, row
from tests.journeys.jobs_for_tests import KillProcess, LeaveMark
from tests.journeys.worker.processes import StartWorker, add, marks_of
from tests.waiting import eventually


async def _keep_alive(start_worker: StartWorker, *arguments: str) -> None:
    """Start a worker again whenever it has died, as its supervisor does."""
    worker = start_worker(*arguments)
    while True:
        await asyncio.sleep(0.1)
        if worker.poll() is not None:
            worker = start_worker(*arguments)


async def _all_have_ended(connection: Link) -> bool:
    live = "SELECT count(*) FROM job_queue WHERE status IN ('pending', 'running') AND job_type LIKE 'TEST_%'"
    return bool((await connection.fetch(live))[0][0] == 0)


@pytest.mark.parametrize("poisons", [1, 3])
async def test_neighbours_of_poison_succeed(
    database: Database,
    organization_id: UUID,
    connection: Link,
    start_worker: StartWorker,
    poisons: int,
    tmp_path: Path,
) -> None:
    poison = await add(database, organization_id, *(KillProcess() for _ in range(poisons)))
    neighbours = await add(database, organization_id, *(LeaveMark(seconds=0.5) for _ in range(12)))
    supervisor = asyncio.create_task(_keep_alive(start_worker, "--concurrency", "10"))
    try:
        await eventually(lambda: _all_have_ended(connection), within_s=240)
    finally:
        supervisor.cancel()
    for job in poison:
        dead = await row(connection, job)
        assert (dead["status"], dead["crash_count"], dead["retry_count"]) == ("dead_letter", 3, 0)
        assert dead["last_error"] == "lease lost: the worker died or lost the database"
        assert (await history(connection, job)).count("started") == 3
    assert await marks_of(connection) == sorted(neighbours)
    spared = [await row(connection, job) for job in neighbours]
    assert {job["status"] for job in spared} == {"completed"}
    # They were hit, or this proves nothing.
    assert max(job["crash_count"] for job in spared) in {1, 2}
    logs = "".join(path.read_text() for path in tmp_path.glob("worker*.log"))
    assert "event=job_runs_alone" in logs
