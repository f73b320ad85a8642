"""What a job worker's process tells the service manager that started it."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from tests.database.queue.jobs import until
from tests.journeys.jobs_for_tests import BlockLoop, LeaveMark
from tests.journeys.worker.processes import StartWorker, add, exit_code
from tests.manager_socket import ManagerSocket
from tests.waiting import eventually

_NOBODY = "postgresql://atum@127.0.0.1:9/atum"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ManagerSocket]:
    with ManagerSocket(tmp_path / "notify") as made:
        monkeypatch.setenv("NOTIFY_SOCKET", str(made.path))
        # A second: fed twice in it.
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        yield made


async def test_a_worker_tells_its_life_in_order(
    manager: ManagerSocket,
    start_worker: StartWorker,
    database: Database,
    connection: Link,
    organization_id: UUID,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = tmp_path / "atum-desk.env"
    settings.write_text("ATUM_LOG_LEVEL=debug\n")
    monkeypatch.setenv("ATUM_ENVIRONMENT_FILE", str(settings))
    worker = start_worker("--concurrency", "3")

    await manager.listen_for("READY=1", of=worker)
    assert (await connection.fetch("SELECT kind FROM workers"))[0]["kind"] == "job"
    await manager.listen_for("STATUS=0 of 3 slots busy, 0 jobs ready", of=worker)
    await manager.listen_for("WATCHDOG=1", of=worker, times=2)
    worker.send_signal(signal.SIGHUP)
    log = tmp_path / "worker0.log"
    await eventually(lambda: "event=log_level_set least=debug" in log.read_text())
    jobs = await add(database, organization_id, *[LeaveMark(seconds=3)] * 5)
    await until(connection, jobs[0], "running")
    worker.send_signal(signal.SIGTERM)
    assert await exit_code(worker, within_s=30) == 0
    while manager.listen():
        pass

    said = [each.split("=")[0] for each in manager.heard]
    assert said.index("READY") < said.index("WATCHDOG") < said.index("STOPPING")
    # While it drains, too.
    assert "WATCHDOG" in said[said.index("STOPPING") :]
    assert any(each.startswith("STATUS=draining: 3 of 3 slots busy") for each in manager.heard)
    assert said.count("READY") == said.count("STOPPING") == 1


async def test_a_blocked_event_loop_does_not_feed_the_watchdog(
    manager: ManagerSocket, start_worker: StartWorker, database: Database, connection: Link, organization_id: UUID
) -> None:
    worker = start_worker(lease_timeout_s=30, lease_heartbeat_s=10)
    await manager.listen_for("READY=1", of=worker)
    job = (await add(database, organization_id, BlockLoop(seconds=5)))[0]
    await until(connection, job, "running")

    fed: list[float] = [time.monotonic()]
    while fed[-1] - fed[0] < 4:
        manager.forget()
        await manager.listen_for("WATCHDOG=1", of=worker)
        fed.append(time.monotonic())
    worker.kill()

    # Longer than a manager waits that asks for one a second.
    assert max(later - earlier for earlier, later in itertools.pairwise(fed)) > 2


async def test_a_worker_that_waits_for_its_database_is_not_ready(
    manager: ManagerSocket, start_worker: StartWorker
) -> None:
    worker = start_worker(database_url=_NOBODY)

    await manager.listen_for("STATUS=waiting for PostgreSQL", of=worker)
    assert not any(each.startswith("READY") for each in manager.heard)

    worker.send_signal(signal.SIGTERM)
    assert await exit_code(worker, within_s=30) == 0
    assert not any(each.startswith("READY") for each in manager.heard)
