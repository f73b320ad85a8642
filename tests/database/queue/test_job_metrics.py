"""What a worker counts: as many as there were, of each, and no more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.observability.metrics import jobs
from helpdesk.observability.metrics.registry import labelled
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Cancel, Done, Fatal, Outcome, Snooze
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, until, working
from tests.scraping import Samples, here
from tests.waiting import eventually
from workers.context import WorkerContext
from workers.counters import Counters
from workers.upkeep import rescue_forever


@pytest.fixture
def before() -> Samples:
    return here()


def ended(moved: Samples) -> dict[tuple[str, ...], float]:
    return moved.by("atum_job_endings_total", "job_type", "ending")


async def act(args: Echo, _context: WorkerContext) -> Outcome:
    match args.n:
        case 0:
            return Done()
        case 1:
            return Cancel("not wanted")
        case 2:
            raise Fatal("for good")
        case 3:
            return Snooze(300)
        case _:
            raise ValueError("for now")


async def test_each_job_is_counted_once_by_how_it_ended(
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    settings: Settings,
    before: Samples,
) -> None:
    behaviour.act = act
    endings = ["completed", "cancelled", "dead_letter", "pending", "pending"]
    jobs = [await enqueue_echo(database, organization_id, n=n) for n in range(5)]
    again = await enqueue_echo(database, organization_id, n=0)
    async with working(settings, behaviour.handlers) as (runner, _):
        await until(connection, again, "completed")
        for job, ending in zip(jobs, endings, strict=True):
            await until(connection, job, ending)
        await eventually(lambda: len(behaviour.seen) == 6 and runner._completer.unheard == 0)
        assert here().of("atum_worker_slots") == 4
    moved = here() - before

    assert ended(moved) == {
        ("TEST_ECHO", "completed"): 2,
        ("TEST_ECHO", "cancelled"): 1,
        ("TEST_ECHO", "dead_lettered"): 1,
        ("TEST_ECHO", "snoozed"): 1,
        ("TEST_ECHO", "retried"): 1,
    }
    assert moved.of("atum_job_attempts_total", job_type="TEST_ECHO") == 6
    assert moved.of("atum_job_pickup_seconds_count", job_type="TEST_ECHO") == 6
    assert moved.of("atum_job_failures_total", job_type="TEST_ECHO") == 2
    assert moved.by("atum_job_handler_seconds_count", "outcome") == {
        ("completed",): 2,
        ("cancelled",): 1,
        ("failed",): 2,
        ("handed_back",): 1,
    }
    assert moved.of("atum_queue_claim_seconds_count") == len(runner.counters._claims)
    assert moved.by("atum_job_stale_endings_total", "job_type") == {}


async def test_an_ending_that_comes_after_the_lease_was_lost_is_counted_as_stale(
    database: Database,
    organization_id: UUID,
    connection: Link,
    behaviour: Behaviour,
    settings: Settings,
    before: Samples,
) -> None:
    async def lose(_args: Echo, _context: WorkerContext) -> Outcome:
        if len(behaviour.seen) == 1:
            await connection.fetch(
                "UPDATE job_queue SET status = 'pending', lease = lease + 1, locked_by = NULL, locked_at = NULL"
            )
        return Done()

    behaviour.act = lose
    job = await enqueue_echo(database, organization_id)
    async with working(settings, behaviour.handlers):
        await until(connection, job, "completed")
    moved = here() - before

    assert moved.of("atum_job_stale_endings_total", job_type="TEST_ECHO") == 1
    assert ended(moved) == {("TEST_ECHO", "completed"): 1}
    assert moved.of("atum_job_attempts_total", job_type="TEST_ECHO") == 2


async def test_a_rescue_is_counted_by_what_became_of_the_job(
    database: Database, organization_id: UUID, worker: Any, before: Samples
) -> None:
    _, process = worker
    counters = Counters()
    await leave_behind(database, organization_id)
    rescuing = asyncio.create_task(rescue_forever(process, counters))
    try:
        await eventually(lambda: counters.rescued == 2)
    finally:
        rescuing.cancel()
    moved = here() - before
    assert moved.by("atum_job_rescues_total", "job_type", "outcome") == {
        ("TEST_ECHO", "pending"): 1,
        ("TEST_ECHO", "dead_letter"): 1,
    }


async def test_what_alerts_look_at_is_shown_before_it_happens(behaviour: Behaviour, settings: Settings) -> None:
    """A series that begins with 20 rescues has no increase for Prometheus."""
    for metric in (jobs.RESCUES, jobs.STALE, jobs.FAILURES, jobs.ATTEMPTS):
        metric.clear()
    labelled.cache_clear()
    async with working(settings, behaviour.handlers):
        shown = {(name, dict(labels).get("job_type")) for name, labels in here().values}
    for name in ("rescues", "stale_endings", "failures", "attempts"):
        assert (f"atum_job_{name}_total", "TEST_ECHO") in shown


async def leave_behind(database: Database, organization_id: UUID) -> None:
    """Leave two jobs behind as workers that died would: one for the first time, one for the third."""
    for crashes in (0, 2):
        job = await enqueue_echo(database, organization_id, run_after=datetime.now(UTC) + timedelta(hours=1))
        async with database.transaction(organization_id) as session:
            await session.execute(
                text(
                    "UPDATE job_queue SET status = 'running', locked_by = gen_random_uuid(), lease = 7, attempts = 1, "
                    "crash_count = :crashes, locked_at = now() - interval '1 hour', started_at = now() WHERE id = :job"
                ),
                {"job": job, "crashes": crashes},
            )
