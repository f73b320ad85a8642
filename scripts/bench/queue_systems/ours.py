"""The product's own queue: its enqueue functions and its job worker, as they run in production."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar, cast

from queue_systems.measure import Hit

from helpdesk.ai.model import Models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database, connect_raw
from helpdesk.models.accounts import Organization
from helpdesk.queue.args import JobArgs
from helpdesk.queue.claim import HEARTBEAT
from helpdesk.queue.decode import register
from helpdesk.queue.enqueue import enqueue, enqueue_many
from helpdesk.queue.outcomes import Done, Outcome
from helpdesk.queue.wake import WakeUp
from helpdesk.settings import Settings
from workers.context import WorkerContext
from workers.lifecycle import worker_process
from workers.registry import Handlers
from workers.runner import Runner

ROOT = Path(__file__).resolve().parents[3]


@register
class Nothing(JobArgs):
    """A job that does nothing."""

    job_type: ClassVar = "BENCH_NOTHING"
    queue: ClassVar = "bench"

    n: int = 0


class Ours:
    """Enqueues in the tenant's transaction, works with leases, heartbeats, timeouts, history and upkeep."""

    name = "Atum Desk"
    unfinished = """EXISTS (SELECT 1 FROM job_queue WHERE status IN ('pending', 'running')
                               AND job_type = 'BENCH_NOTHING' AND run_after <= now())"""
    share = 1.0

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self.organization_id = new_id()
        self.settings = Settings()
        self._database: Database | None = None
        self._wake_up: WakeUp | None = None

    @property
    def database(self) -> Database:
        """Return the enqueuing side's pool."""
        assert self._database is not None
        return self._database

    async def install(self, url: str) -> None:
        """Migrate, and open an organisation."""
        await asyncio.to_thread(_migrate, url)
        self.settings = Settings(database_url=url, max_concurrent_jobs=self._concurrency)
        self._database = Database(self.settings, application="bench")
        async with self.database.transaction(self.organization_id) as session:
            session.add(Organization(id=self.organization_id, slug="bench", name="Bench"))
        self._wake_up = await WakeUp(self.settings).__aenter__()

    async def empty(self) -> None:
        """Leave the queue as a new one."""
        owner = await connect_raw(self.settings, application="bench", role="atum_owner")
        await owner.execute("TRUNCATE job_queue, job_events, cron_ticks")
        await owner.close()

    async def enqueue(self, number: int) -> None:
        """Enqueue one job in a transaction of its own."""
        async with self.database.transaction(self.organization_id) as session:
            await enqueue(session, Nothing(n=number), organization_id=self.organization_id)

    async def enqueue_bulk(self, first: int, count: int) -> None:
        """Enqueue many in one transaction."""
        jobs = [Nothing(n=number) for number in range(first, first + count)]
        async with self.database.transaction(self.organization_id) as session:
            await enqueue_many(session, jobs, organization_id=self.organization_id)

    async def work(self, stopping: asyncio.Event, hit: Hit) -> None:
        """Be the product's job worker."""

        async def nothing(args: Nothing, _context: WorkerContext) -> Outcome:
            hit(args.n)
            return Done()

        handlers = Handlers()
        handlers.handles(Nothing)(nothing)
        async with worker_process(
            self.settings, kind="job", stopping=stopping, capacity=self._concurrency, heartbeat_sql=HEARTBEAT
        ) as process:
            models = cast("Models", None)
            await Runner(
                process, handlers=handlers, models=models, capacity=self._concurrency, types=[Nothing.job_type]
            ).run()

    async def close(self) -> None:
        """Close the pool and the wake-up's connection."""
        if self._wake_up is not None:
            await self._wake_up.close()
        await self.database.close()


def _migrate(url: str) -> None:
    command = [sys.executable, "-m", "alembic", "upgrade", "head"]
    environment = os.environ | {"ATUM_DATABASE_URL": url}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
