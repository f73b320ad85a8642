"""Job workers as real processes, each test with a database of its own."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests import warm
from tests.conftest import Server, _run_in_thread
from tests.database.queue.jobs import known, link
from tests.journeys.jobs_for_tests import BlockLoop, Hang, KillProcess, LeaveMark
from tests.journeys.worker.processes import StartWorker


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
    with known(LeaveMark, KillProcess, Hang, BlockLoop):
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
            process = warm.start("workers", "job", "--types", "tests", *arguments, environment=environment, errors=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
