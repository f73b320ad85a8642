"""Real worker processes, killed, stopped and cut off in the middle of their work."""

import asyncio
import os
import signal
import time
from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests import warm
from tests.conftest import Server
from tests.database.queue.jobs import history, link, row, until
from tests.journeys.jobs_for_tests import LeaveMark
from tests.journeys.worker.processes import StartWorker, add, exit_code, marks_of
from tests.waiting import eventually


async def test_another_worker_finishes_what_a_killed_one_began_and_every_effect_happens_once(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    jobs = await add(database, organization_id, *(LeaveMark(seconds=0.4) for _ in range(30)))
    victim = start_worker("--concurrency", "4")
    await until(connection, jobs[0], "running", within_s=20)
    start_worker("--concurrency", "4")
    await asyncio.sleep(0.6)
    victim.kill()
    for job in jobs:
        await until(connection, job, "completed", within_s=40)
    assert await marks_of(connection) == sorted(jobs)
    crashed = await connection.fetch("SELECT id, crash_count, retry_count FROM job_queue WHERE crash_count > 0")
    # At most what it ran and what it had claimed ahead.
    assert 1 <= len(crashed) <= 6
    assert {(job["crash_count"], job["retry_count"]) for job in crashed} == {(1, 0)}
    assert (await history(connection, crashed[0]["id"])).count("completed") == 1


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_running_jobs_finish_and_hands_the_others_back(
    database: Database,
    organization_id: UUID,
    connection: Link,
    start_worker: StartWorker,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    jobs = await add(database, organization_id, *(LeaveMark(seconds=1.5) for _ in range(6)))
    worker = start_worker("--concurrency", "2")
    await until(connection, jobs[1], "running", within_s=20)
    worker.send_signal(how)
    assert await exit_code(worker, within_s=15) == 0
    stored = [await row(connection, job) for job in jobs]
    assert [job["status"] for job in stored] == 2 * ["completed"] + 4 * ["pending"]
    assert [(job["attempts"], job["retry_count"], job["crash_count"]) for job in stored[2:]] == 4 * [(0, 0, 0)]
    assert await marks_of(connection) == sorted(jobs[:2])
    assert await connection.fetch("SELECT 1 FROM workers") == []
    log = (tmp_path / "worker0.log").read_text()
    for event in (
        "event=connected_to_database worker_id=",
        "event=job_worker_started",
        "event=job_completed",
        "event=database_connection_closed",
    ):
        assert event in log, log


async def test_what_was_claimed_ahead_goes_back_unstarted_at_a_stop(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    # Short ones teach the worker that it pays to claim ahead; the long ones behind them fill its slots.
    await add(database, organization_id, *(LeaveMark(seconds=0) for _ in range(300)))
    long = await add(database, organization_id, *(LeaveMark(seconds=1.5) for _ in range(60)))
    worker = start_worker("--concurrency", "4", lease_timeout_s=30)

    async def has_long_ones_ahead() -> bool:
        running = await connection.fetch(
            "SELECT count(*) FROM job_queue WHERE id = ANY ($1) AND status = 'running'", long
        )
        return bool(running[0][0] > 4)

    await eventually(has_long_ones_ahead, within_s=30, every_s=0.01)
    worker.send_signal(signal.SIGTERM)
    assert await exit_code(worker, within_s=15) == 0
    stored = [await row(connection, job) for job in long]
    back = [job for job in stored if job["status"] == "pending"]
    assert len(back) >= 50
    assert {(job["attempts"], job["retry_count"], job["crash_count"]) for job in back} == {(0, 0, 0)}
    assert {job["status"] for job in stored} <= {"pending", "completed"}
    released = await connection.fetch("SELECT DISTINCT detail FROM job_events WHERE event = 'released'")
    assert "the worker stopped" in {event["detail"] for event in released}


async def test_handlers_that_do_not_end_in_time_are_released_even_if_they_ignore_it(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    jobs = await add(database, organization_id, LeaveMark(seconds=60), LeaveMark(seconds=60, deaf=True))
    worker = start_worker("--concurrency", "2", drain_timeout_s=0.5, lease_timeout_s=30)
    await until(connection, jobs[1], "running", within_s=20)
    worker.send_signal(signal.SIGINT)
    assert await exit_code(worker, within_s=20) == 0
    for job in jobs:
        stored = await row(connection, job)
        assert (stored["status"], stored["attempts"], stored["crash_count"]) == ("pending", 0, 0)


@pytest.mark.parametrize(("first", "second"), [(signal.SIGTERM, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)])
async def test_a_second_signal_ends_the_worker_at_once(
    database: Database,
    organization_id: UUID,
    connection: Link,
    start_worker: StartWorker,
    first: signal.Signals,
    second: signal.Signals,
) -> None:
    (job,) = await add(database, organization_id, LeaveMark(seconds=60))
    worker = start_worker()
    await until(connection, job, "running", within_s=20)
    worker.send_signal(first)
    await asyncio.sleep(0.5)
    assert worker.poll() is None
    began = time.monotonic()
    worker.send_signal(second)
    assert await exit_code(worker, within_s=5) == 128 + second
    assert time.monotonic() - began < 2
    assert (await row(connection, job))["status"] == "running"


async def test_a_worker_outlives_a_restart_of_postgresql_and_loses_nothing(
    server: Server, database: Database, organization_id: UUID, settings: Settings, start_worker: StartWorker
) -> None:
    during, waiting = await add(database, organization_id, LeaveMark(seconds=2), LeaveMark(seconds=0))
    worker = start_worker("--concurrency", "1", lease_timeout_s=60, lease_heartbeat_s=1)
    async with link(settings) as before:
        await until(before, during, "running", within_s=20)
    await database.close()
    await asyncio.to_thread(server.postgres.stop)
    await asyncio.sleep(1)
    await asyncio.to_thread(server.postgres.start)
    assert worker.poll() is None
    async with link(settings) as after:
        for job in (during, waiting):
            done = await until(after, job, "completed", within_s=40)
            assert done["crash_count"] == 0
        async with database.transaction(organization_id) as session:
            late = await enqueue(session, LeaveMark(seconds=0), organization_id=organization_id)
        await until(after, late, "completed", within_s=10)
        assert await marks_of(after) == sorted([during, waiting, late])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["job", "--types", "TRIAGE_TICKTE"], "There is no job type 'TRIAGE_TICKTE'; known are"),
        (["job", "--concurrency", "0"], "max_concurrent_jobs"),
    ],
)
def test_a_worker_that_cannot_start_as_asked_says_why(database_url: str, arguments: list[str], complaint: str) -> None:
    refused = warm.run("workers", *arguments, environment=os.environ | {"ATUM_DATABASE_URL": database_url}, timeout=60)
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
