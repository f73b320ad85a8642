"""Real worker processes, killed, stopped and cut off in the middle of their work."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY, Server, _run_in_thread
from tests.database.queue.jobs import history, known, link, row, until
from tests.journeys.jobs_for_tests import LeaveMark

StartWorker = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def database_url(server: Server) -> Iterator[str]:
    """Give each test a database of its own: what another test's dead worker left must not be rescued here."""
    name = f"killed_{uuid4().hex[:12]}"
    _run_in_thread(server.postgres, f"CREATE DATABASE {name} TEMPLATE {server.template} STRATEGY file_copy")
    yield server.postgres.url(name)
    _run_in_thread(server.postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings, application="test")
    yield database
    await database.close()


@pytest.fixture(autouse=True)
def _plug_in_is_known() -> Iterator[None]:
    # Importing it has registered it for good; another test may have taken it out since.
    with known(LeaveMark):
        yield


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Link]:
    async with link(settings) as connection:
        yield connection


@pytest.fixture(autouse=True)
async def _marks(database: Database) -> None:
    owner = await database.connect_raw(role="atum_owner")
    await owner.execute(
        "CREATE TABLE marks (job uuid NOT NULL); GRANT SELECT, INSERT ON marks TO atum_app, atum_worker"
    )
    await owner.close()


@pytest.fixture
def start_worker(database_url: str, tmp_path: Path) -> Iterator[StartWorker]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **settings: object) -> subprocess.Popen[bytes]:
        chosen = {
            "database_url": database_url,
            "plugins": "tests.journeys.jobs_for_tests",
            "lease_heartbeat_s": 0.3,
            "lease_timeout_s": 2,
            "log_format": "logfmt",
        } | settings
        environment = os.environ | {f"ATUM_{name.upper()}": str(value) for name, value in chosen.items()}
        with (tmp_path / f"worker{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", "job", "--types", "tests", *arguments],
                cwd=REPOSITORY,
                env=environment,
                stderr=log,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


async def _add(database: Database, organization_id: UUID, *jobs: LeaveMark) -> list[UUID]:
    async with database.transaction(organization_id) as session:
        return await enqueue_many(session, jobs, organization_id=organization_id)


async def _marks_of(connection: Link) -> list[UUID]:
    return [mark["job"] for mark in await connection.fetch("SELECT job FROM marks ORDER BY job")]


async def _exit_code(process: subprocess.Popen[bytes], *, within_s: float) -> int:
    async with asyncio.timeout(within_s):
        return await asyncio.to_thread(process.wait)


async def test_another_worker_finishes_what_a_killed_one_began_and_every_effect_happens_once(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    jobs = await _add(database, organization_id, *(LeaveMark(seconds=0.4) for _ in range(30)))
    victim = start_worker("--concurrency", "4")
    await until(connection, jobs[0], "running", within_s=20)
    start_worker("--concurrency", "4")
    await asyncio.sleep(0.6)
    victim.kill()
    for job in jobs:
        await until(connection, job, "completed", within_s=40)
    assert await _marks_of(connection) == sorted(jobs)
    crashed = await connection.fetch("SELECT id, crash_count, retry_count FROM job_queue WHERE crash_count > 0")
    # At most what it ran and what it had claimed ahead.
    assert 1 <= len(crashed) <= 6
    assert {(job["crash_count"], job["retry_count"]) for job in crashed} == {(1, 0)}
    assert (await history(connection, crashed[0]["id"])).count("completed") == 1


async def test_sigterm_lets_running_jobs_finish_and_hands_the_others_back(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker, tmp_path: Path
) -> None:
    jobs = await _add(database, organization_id, *(LeaveMark(seconds=1.5) for _ in range(6)))
    worker = start_worker("--concurrency", "2")
    await until(connection, jobs[1], "running", within_s=20)
    worker.send_signal(signal.SIGTERM)
    assert await _exit_code(worker, within_s=15) == 0
    stored = [await row(connection, job) for job in jobs]
    assert [job["status"] for job in stored] == 2 * ["completed"] + 4 * ["pending"]
    assert [(job["attempts"], job["retry_count"], job["crash_count"]) for job in stored[2:]] == 4 * [(0, 0, 0)]
    assert await _marks_of(connection) == sorted(jobs[:2])
    assert await connection.fetch("SELECT 1 FROM workers") == []
    log = (tmp_path / "worker0.log").read_text()
    for event in (
        "event=connected_to_database worker_id=",
        "event=job_worker_started",
        "event=job_completed",
        "event=database_connection_closed",
    ):
        assert event in log, log


async def test_handlers_that_do_not_end_in_time_are_released_even_if_they_ignore_it(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    jobs = await _add(database, organization_id, LeaveMark(seconds=60), LeaveMark(seconds=60, deaf=True))
    worker = start_worker("--concurrency", "2", drain_timeout_s=0.5, lease_timeout_s=30)
    await until(connection, jobs[1], "running", within_s=20)
    worker.send_signal(signal.SIGINT)
    assert await _exit_code(worker, within_s=20) == 0
    for job in jobs:
        stored = await row(connection, job)
        assert (stored["status"], stored["attempts"], stored["crash_count"]) == ("pending", 0, 0)


async def test_a_second_signal_ends_the_worker_at_once(
    database: Database, organization_id: UUID, connection: Link, start_worker: StartWorker
) -> None:
    (job,) = await _add(database, organization_id, LeaveMark(seconds=60))
    worker = start_worker()
    await until(connection, job, "running", within_s=20)
    worker.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    assert worker.poll() is None
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert await _exit_code(worker, within_s=5) == 128 + signal.SIGTERM
    assert time.monotonic() - began < 2
    assert (await row(connection, job))["status"] == "running"


async def test_a_worker_outlives_a_restart_of_postgresql_and_loses_nothing(
    server: Server, database: Database, organization_id: UUID, settings: Settings, start_worker: StartWorker
) -> None:
    during, waiting = await _add(database, organization_id, LeaveMark(seconds=2), LeaveMark(seconds=0))
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
        assert await _marks_of(after) == sorted([during, waiting, late])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["job", "--types", "TRIAGE_TICKTE"], "There is no job type 'TRIAGE_TICKTE'; known are"),
        (["job", "--concurrency", "0"], "max_concurrent_jobs"),
    ],
)
def test_a_worker_that_cannot_start_as_asked_says_why(database_url: str, arguments: list[str], complaint: str) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"ATUM_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 2
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
