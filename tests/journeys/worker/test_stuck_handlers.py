"""Threads that ignore their job's timeout, in a real process."""

import asyncio
from pathlib import Path
from uuid import UUID

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests.database.queue.jobs import row, until, until_event
from tests.journeys.jobs_for_tests import Hang, LeaveMark
from tests.journeys.worker.processes import StartWorker, add, exit_code, marks_of
from tests.waiting import eventually
from workers.runner import STUCK


async def test_a_worker_half_of_whose_slots_are_stuck_drains_and_ends_with_a_code_of_its_own(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker, tmp_path: Path
) -> None:
    hanging = await add(database, organization_id, *(Hang(seconds=120) for _ in range(2)))
    (neighbour,) = await add(database, organization_id, LeaveMark(seconds=3))
    worker = start_worker("--concurrency", "4")
    assert await exit_code(worker, within_s=30) == STUCK == 70
    for job in hanging:
        stored = await row(connection, job)
        assert (stored["status"], stored["retry_count"], stored["crash_count"]) == ("pending", 1, 0)
        assert stored["last_error"] == "timed out after 1 s, and its thread goes on"
    assert await marks_of(connection) == [neighbour]
    assert await connection.fetch("SELECT 1 FROM workers") == []
    log = (tmp_path / "worker0.log").read_text()
    assert log.count("event=handler_stuck") == 2, log
    assert "event=worker_stuck handlers=2 most=2" in log, log


async def test_one_stuck_thread_keeps_its_slot_until_it_ends_and_the_others_work_on(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    (hanging,) = await add(database, organization_id, Hang(seconds=6))
    start_worker("--concurrency", "2", most_stuck_handlers=2)
    await until_event(connection, hanging, "retried", within_s=30)
    others = await add(database, organization_id, *(LeaveMark(seconds=0.2) for _ in range(3)))

    async def is_stuck() -> bool:
        return bool((await connection.fetch("SELECT stats ->> 'stuck' = '1' FROM workers"))[0][0])

    await eventually(is_stuck)
    most = 0
    async with asyncio.timeout(10):
        while (await row(connection, others[-1]))["status"] != "completed":
            most = max(most, (await connection.fetch("SELECT count(*) FROM job_queue WHERE status = 'running'"))[0][0])
            await asyncio.sleep(0.01)
    assert most == 1

    async def is_free_again() -> bool:
        return not await is_stuck()

    await eventually(is_free_again, within_s=15)
    for job in others:
        await until(connection, job, "completed")
