"""What the queue's tests share: a job type of their own, connections, and a runner in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, ClassVar
from uuid import UUID

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.claim import HEARTBEAT, JobInHand, claim
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Cancel, Completed, Done, Outcome, Snooze
from helpdesk.settings import Settings
from workers.context import WorkerContext
from workers.lifecycle import WorkerProcess, worker_process
from workers.registry import Handlers
from workers.runner import Runner

# A runtime where nothing listens: the jobs of these tests ask no model.
NO_MODELS = connect_models(Settings(ollama_host="http://127.0.0.1:9"))


class Echo(JobArgs):
    """A job for tests."""

    job_type: ClassVar = "TEST_ECHO"
    queue: ClassVar = "tests"
    max_retries: ClassVar = 2
    timeout_s: ClassVar = 30
    backoff_base_s: ClassVar = 2.0
    backoff_cap_s: ClassVar = 60.0

    n: int = 0


@contextmanager
def known(*kinds: type[JobArgs]) -> Iterator[None]:
    """Have job types in the catalogue for a while."""
    JOB_TYPES.update({kind.job_type: kind for kind in kinds})
    try:
        yield
    finally:
        for kind in kinds:
            JOB_TYPES.pop(kind.job_type, None)


@asynccontextmanager
async def link(settings: Settings) -> AsyncIterator[Link]:
    connection = Link(settings, application="test")
    try:
        yield connection
    finally:
        await connection.close()


async def enqueue_echo(database: Database, organization_id: UUID, **options: Any) -> UUID:
    async with database.transaction(organization_id) as session:
        return await enqueue(session, Echo(n=options.pop("n", 0)), organization_id=organization_id, **options)


async def claim_one(connection: Link, worker: UUID | None = None) -> JobInHand:
    jobs = await claim(connection, worker_id=worker or new_id(), limit=1)
    assert len(jobs) == 1
    return jobs[0]


async def row(connection: Link, job: UUID) -> dict[str, Any]:
    return dict((await connection.fetch("SELECT * FROM job_queue WHERE id = $1", job))[0])


async def history(connection: Link, job: UUID) -> list[str]:
    rows = await connection.fetch("SELECT event FROM job_events WHERE job_id = $1 ORDER BY id", job)
    return [event["event"] for event in rows]


@asynccontextmanager
async def working(
    settings: Settings, handlers: Handlers, *, capacity: int = 4, types: list[str] | None = None
) -> AsyncIterator[tuple[Runner, WorkerProcess]]:
    """Run a job worker's runner in this process; it drains at the end."""
    stopping = asyncio.Event()
    async with worker_process(settings, kind="job", stopping=stopping, heartbeat_sql=HEARTBEAT) as process:
        runner = Runner(process, handlers=handlers, models=NO_MODELS, capacity=capacity, types=types, upkeep=False)
        running = asyncio.create_task(runner.run())
        try:
            yield runner, process
        finally:
            stopping.set()
            await running


async def until(connection: Link, job: UUID, status: str, *, within_s: float = 10) -> dict[str, Any]:
    """Wait until a job has a status."""
    async with asyncio.timeout(within_s):
        while True:
            found = await row(connection, job)
            if found["status"] == status:
                return found
            await asyncio.sleep(0.02)


async def until_event(connection: Link, job: UUID, event: str, *, times: int = 1, within_s: float = 10) -> None:
    """Wait until a job's history has an event so many times."""
    async with asyncio.timeout(within_s):
        while True:
            if (await history(connection, job)).count(event) >= times:
                return
            await asyncio.sleep(0.02)


class Behaviour:
    """A handler whose behaviour a test sets, and what it saw."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.act: Any = None
        self.handlers = Handlers()
        self.handlers.handles(Echo)(self._handle)

    async def _handle(self, args: Echo, context: WorkerContext) -> Outcome:
        self.seen.append(args.n)
        outcome = await self.act(args, context) if self.act else Done()
        assert isinstance(outcome, Done | Completed | Cancel | Snooze)
        return outcome
