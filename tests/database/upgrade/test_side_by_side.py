"""Processes of this version go on beside those of the next one, on the schema of the next one.

The next version is played by migrations that this one does not know, and by a worker that serves a type of job which
this one does not know either.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import asyncpg
import pytest

from helpdesk.database.engine import Database, connect_raw
from helpdesk.database.schema_version import REVISION, state
from helpdesk.queue.args import JobArgs
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.queue.jobs import known
from tests.database.upgrade.later import INDEXED, Later
from tests.journeys.processes import Running, start
from tests.waiting import eventually

# Both versions know the first of them; the effect and the completion are one transaction, and a second effect fails.
_JOBS = '''
from __future__ import annotations

from typing import ClassVar

from sqlalchemy import text

from helpdesk.queue.args import JobArgs
from helpdesk.queue.decode import register
from helpdesk.queue.outcomes import Completed, Outcome
from workers.context import WorkerContext
from workers.registry import handlers


@register
class Work(JobArgs):
    """A job for tests."""

    job_type: ClassVar = "{job_type}"
    queue: ClassVar = "tests"


@handlers.handles(Work)
async def work(args: Work, context: WorkerContext) -> Outcome:
    async with context.database.transaction(context.organization_id) as session:
        await session.execute(
            text("INSERT INTO done_by (job_id, worker) VALUES (:job, :worker)"),
            {{"job": context.job.id, "worker": "{worker}"}},
        )
        {more}
        await context.complete_in(session)
    return Completed()
'''
_USES_THE_NEW_SCHEMA = (
    'await session.execute(text("INSERT INTO moods (ticket_id, mood) VALUES (:id, \'calm\')"), {"id": context.job.id})'
)


class OldWork(JobArgs):
    """What both versions do."""

    job_type: ClassVar = "OLD_WORK"
    queue: ClassVar = "tests"


class NewWork(JobArgs):
    """What the next version does."""

    job_type: ClassVar = "NEW_WORK"
    queue: ClassVar = "tests"


_WAITING = "SELECT count(*) FROM job_queue WHERE job_type = $1 AND status = 'pending'"


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_raw(settings, application="test", role="atum_owner")
    await connection.execute("CREATE TABLE done_by (job_id uuid PRIMARY KEY, worker text NOT NULL)")
    await connection.execute("GRANT SELECT, INSERT ON done_by TO atum_app")
    yield connection
    await connection.close()


def worker(settings: Settings, folder: Path, name: str, *, new: bool) -> Running:
    """Start a job worker; only a new one knows the new type of job."""
    (folder / f"{name}_work.py").write_text(_JOBS.format(job_type="OLD_WORK", worker=name, more=""))
    (folder / f"{name}_new_work.py").write_text(
        _JOBS.format(job_type="NEW_WORK", worker=name, more=_USES_THE_NEW_SCHEMA)
    )
    return start(
        *("workers", "job"),
        log_file=folder / f"{name}.log",
        environment={
            "ATUM_DATABASE_URL": settings.database_url,
            "ATUM_DATA_DIR": str(folder),
            "ATUM_OLLAMA_HOST": "http://127.0.0.1:9",
            "ATUM_PLUGINS": f"{name}_work,{name}_new_work" if new else f"{name}_work",
            "PYTHONPATH": str(folder),
        },
    )


async def done(owner: asyncpg.Connection) -> dict[tuple[str, str], int]:
    """Count the finished jobs of each type by the worker that did them."""
    rows = await owner.fetch(
        "SELECT j.job_type, d.worker, count(*) AS jobs FROM done_by d JOIN job_queue j ON j.id = d.job_id"
        " WHERE j.status = 'completed' GROUP BY 1, 2"
    )
    return {(row["job_type"], row["worker"]): row["jobs"] for row in rows}


async def test_old_and_new_workers_share_the_queue_while_the_schema_moves_on(
    settings: Settings,
    database: Database,
    organization_id: UUID,
    owner: asyncpg.Connection,
    later: Later,
    tmp_path: Path,
) -> None:
    agent = await open_a_desk(database, organization_id)

    async def a_ticket_is_opened() -> None:
        """What the API of this version does, with statements that the driver has prepared on the schema before."""
        async with database.transaction(organization_id) as session:
            await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
            )

    async def asked_for(kind: type[JobArgs], jobs: int) -> None:
        with known(kind):
            async with database.transaction(organization_id) as session:
                await enqueue_many(session, [kind() for _ in range(jobs)], organization_id=organization_id)

    await a_ticket_is_opened()
    old = worker(settings, tmp_path, "old", new=False)
    await asked_for(OldWork, 50)
    await eventually(lambda: _all_done(owner, "OLD_WORK", 50), within_s=60)

    # The schema moves on under processes that are at work.
    await asked_for(OldWork, 150)
    moved = await later.upgrade(settings.database_url, INDEXED)
    assert moved.process.returncode == 0, moved.log()
    found = await state(owner)
    assert (found.current, found.verdict) == (INDEXED, "ok")
    assert found.wanted == REVISION

    await a_ticket_is_opened()
    await asked_for(NewWork, 20)
    await asked_for(OldWork, 50)
    await eventually(lambda: _all_done(owner, "OLD_WORK", 250), within_s=60)
    # Not its own: left where it is, for somebody who knows it.
    assert (
        await owner.fetchval("SELECT count(*) FROM job_queue WHERE job_type = 'NEW_WORK' AND status = 'pending'") == 20
    )

    new = worker(settings, tmp_path, "new", new=True)
    await eventually(lambda: _all_done(owner, "NEW_WORK", 20), within_s=60)
    assert old.process.poll() is None, old.log()
    assert await old.stop() == 0
    await asked_for(OldWork, 50)
    await eventually(lambda: _all_done(owner, "OLD_WORK", 300), within_s=60)
    assert await new.stop() == 0

    by_worker = await done(owner)
    assert by_worker["NEW_WORK", "new"] == 20
    assert by_worker["OLD_WORK", "old"] >= 250
    assert by_worker["OLD_WORK", "new"] >= 50
    assert await owner.fetchval("SELECT count(*) FROM job_events WHERE event IN ('retried', 'dead_lettered')") == 0
    assert await owner.fetchval("SELECT count(*) FROM tickets") == 2
    for running in (old, new):
        assert "Traceback" not in running.log()


async def _all_done(owner: asyncpg.Connection, job_type: str, jobs: int) -> bool:
    found = await done(owner)
    return sum(number for (kind, _), number in found.items() if kind == job_type) == jobs
