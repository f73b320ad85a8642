"""The backfill in a real worker, which dies in the middle."""

from __future__ import annotations

import signal
from pathlib import Path

from helpdesk.rag.model_change.queries import ModelReport, model_reports
from helpdesk.rag.model_change.registering import add_model
from helpdesk.settings import Settings
from tests.database.rag.conftest import Desk
from tests.journeys.processes import Running, start
from tests.waiting import eventually

OTHER = "all-minilm@64"


def job_worker(settings: Settings, log_file: Path, runtime: str) -> Running:
    environment = {
        "ATUM_DATABASE_URL": settings.database_url,
        "ATUM_OLLAMA_HOST": runtime,
        "ATUM_LEASE_TIMEOUT_S": "3",
        "ATUM_LEASE_HEARTBEAT_S": "1",
    }
    return start("workers", "job", log_file=log_file, environment=environment)


async def test_a_backfill_whose_worker_is_killed_is_finished_by_the_next_one(
    desk: Desk, settings: Settings, embedding_server: str, tmp_path: Path
) -> None:
    for number in range(60):
        await desk.publish(f"Printer {number}", f"The printer of room {number} stands at the stairs.")
    await desk.index_all()
    await add_model(desk.database, desk.embedder, name=OTHER)

    async def report() -> ModelReport:
        return next(each for each in await model_reports(desk.database) if each.name == OTHER)

    async def has_begun() -> bool:
        return (await report()).vectors > 0

    async def is_whole() -> bool:
        return (await report()).missing == 0

    first = job_worker(settings, tmp_path / "first.log", embedding_server)
    await eventually(has_begun, within_s=60)
    await first.stop(signal.SIGKILL)
    made = (await report()).vectors
    assert 0 < made < (await report()).passages

    second = job_worker(settings, tmp_path / "second.log", embedding_server)
    await eventually(is_whole, within_s=120, every_s=0.5)
    ended = await second.wait_for_log(r"event=backfill_run.* vectors=(\d+) missing=0", within_s=30)
    await second.stop()
    # What the first one had written was not made again.
    assert int(ended.group(1)) <= (await report()).passages - made
