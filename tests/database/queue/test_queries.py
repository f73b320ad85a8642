"""What people can see of jobs, queues and workers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database, transaction_time
from helpdesk.models.values import JobPriority, JobStatus
from helpdesk.queue import commands, figures, overview, queries, settle
from helpdesk.queue.causes import dead_by_cause
from helpdesk.queue.filters import JobFilter
from helpdesk.queue.link import Link
from helpdesk.queue.queues import JobTypeNotFound, QueueNotFound, check_known, queue_states
from helpdesk.queue.rescue import rescue
from tests.database.queue.jobs import claim_one, enqueue_echo, row


async def dead_letter(
    database: Database, organization_id: UUID, connection: Link, *, error: str = "boom", **options: object
) -> UUID:
    job = await enqueue_echo(database, organization_id, **options)
    await settle.fail(connection, job=await claim_one(connection), error=error, delay_s=1, fatal=True)
    return job


async def completed(database: Database, organization_id: UUID, connection: Link) -> UUID:
    job = await enqueue_echo(database, organization_id)
    held = await claim_one(connection)
    assert await settle.complete(connection, worker_id=held.locked_by, jobs=[held]) == {job}
    return job


async def stats_of(database: Database, organization_id: UUID) -> overview.JobStats:
    async with database.transaction(organization_id) as session:
        return await overview.stats(session, organization_id=organization_id, now=await transaction_time(session))


async def figures_of(database: Database, organization_id: UUID) -> figures.JobMetrics:
    async with database.transaction(organization_id) as session:
        return await figures.metrics(session, organization_id=organization_id, now=await transaction_time(session))


@pytest.fixture
async def session(database: Database, organization_id: UUID) -> AsyncIterator[AsyncSession]:
    """Open a transaction of the organisation; each statement sees what is committed by then."""
    async with database.transaction(organization_id) as session:
        yield session


async def test_pages_of_jobs_do_not_overlap_while_jobs_are_added(
    database: Database, organization_id: UUID, session: AsyncSession
) -> None:
    made = [await enqueue_echo(database, organization_id) for _ in range(5)]
    await enqueue_echo(database, uuid4())
    first = await queries.list_jobs(session, organization_id=organization_id, limit=3)
    await enqueue_echo(database, organization_id)
    second = await queries.list_jobs(session, organization_id=organization_id, limit=3, cursor=first.next_cursor)
    with pytest.raises(queries.InvalidCursor):
        await queries.list_jobs(session, organization_id=organization_id, cursor="nonsense")
    assert [job.id for job in first.jobs + second.jobs] == made[::-1]
    assert second.next_cursor is None


async def test_jobs_are_filtered_by_each_field(
    database: Database, organization_id: UUID, connection: Link, session: AsyncSession
) -> None:
    low = await enqueue_echo(database, organization_id, priority=JobPriority.LOW, unique_key="k")
    dead = await dead_letter(
        database, organization_id, connection, error="50% of it_ broke", priority=JobPriority.HIGH, parent_id=low
    )
    created = (await row(connection, dead))["created_at"]
    due = (await row(connection, low))["run_after"]
    expected = {
        JobFilter(): [dead, low],
        JobFilter(status=JobStatus.DEAD_LETTER): [dead],
        JobFilter(job_type="TEST_ECHO"): [dead, low],
        JobFilter(job_type="TRIAGE_TICKET"): [],
        JobFilter(queue="tests"): [dead, low],
        JobFilter(queue="ai"): [],
        JobFilter(priority="low"): [low],
        JobFilter(unique_key="k"): [low],
        JobFilter(parent_id=low): [dead],
        JobFilter(since=created): [dead],
        JobFilter(before=created): [low],
        JobFilter(due_before=due + timedelta(microseconds=1)): [low],
        JobFilter(due_since=due + timedelta(microseconds=1)): [dead],
        JobFilter(error="50% OF it_"): [dead],
        JobFilter(error="50_"): [],
        JobFilter(ids=(low,)): [low],
        JobFilter(ids=()): [],
    }
    for where, jobs in expected.items():
        page = await queries.list_jobs(session, organization_id=organization_id, where=where)
        assert [job.id for job in page.jobs] == jobs, where
        assert await queries.count_jobs(session, organization_id=organization_id, where=where) == len(jobs)


async def test_everybodys_jobs_are_listed_for_the_worker_role_alone(database: Database, organization_id: UUID) -> None:
    own, foreign = await enqueue_echo(database, organization_id), await enqueue_echo(database, uuid4())
    async with database.transaction(None, role="atum_worker") as session:
        page = await queries.list_jobs(session, organization_id=None)
        assert [job.id for job in page.jobs] == [foreign, own]
        assert await queries.organization_of_job(session, job_id=own) == organization_id
        with pytest.raises(commands.JobNotFound):
            await queries.organization_of_job(session, job_id=uuid4())
    async with database.transaction(organization_id) as session:
        assert [job.id for job in (await queries.list_jobs(session, organization_id=None)).jobs] == [own]


async def test_a_job_is_shown_with_its_history_children_and_worker_to_its_own_organisation(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = await dead_letter(database, organization_id, connection)
    child = await enqueue_echo(database, organization_id, parent_id=dead)
    worker = new_id()
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version) VALUES ($1, 'job', 'h', 1, 'r', 4, '0')",
        worker,
    )
    await claim_one(connection, worker)
    async with database.transaction(organization_id) as session:
        detail = await queries.get_job(session, organization_id=organization_id, job_id=dead)
        held = await queries.get_job(session, organization_id=organization_id, job_id=child)
    assert detail.job.last_error == "boom"
    assert [(event.event, event.detail) for event in detail.events][-1] == ("dead_lettered", "boom")
    assert [each.id for each in detail.children] == [child]
    assert (detail.worker, detail.files) == (None, [])
    assert held.worker is not None
    assert held.worker.id == worker
    stranger = uuid4()
    async with database.transaction(stranger) as session:
        with pytest.raises(commands.JobNotFound):
            await queries.get_job(session, organization_id=stranger, job_id=dead)


async def test_the_overview_counts_by_status_type_queue_and_priority_and_tells_the_longest_wait(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    empty = await stats_of(database, organization_id)
    assert empty.by_status == dict.fromkeys(JobStatus, 0)
    assert (empty.oldest_due_s, empty.lags) == (0, [])
    await dead_letter(database, organization_id, connection)
    await completed(database, organization_id, connection)
    old = await completed(database, organization_id, connection)
    await connection.fetch("UPDATE job_queue SET finished_at = now() - interval '25 hours' WHERE id = $1", old)
    await enqueue_echo(database, organization_id)
    await connection.fetch("UPDATE job_queue SET run_after = now() - interval '90 s' WHERE status = 'pending'")
    await enqueue_echo(database, organization_id, priority=JobPriority.LOW)
    await enqueue_echo(database, organization_id, run_after=empty.as_of + timedelta(days=1), priority=JobPriority.LOW)
    await enqueue_echo(database, uuid4())

    stats = await stats_of(database, organization_id)

    counts = {"dead_letter": 1, "pending": 3, "completed": 1}
    assert {status: count for status, count in stats.by_status.items() if count} == counts
    assert stats.by_type == {"TEST_ECHO": counts}
    assert stats.by_queue == {"tests": counts}
    assert stats.by_priority == {"low": {"pending": 2}, "normal": counts | {"pending": 1}}
    assert stats.delayed == 1
    assert 89 < stats.oldest_due_s < 120
    assert [(lag.priority, lag.due) for lag in stats.lags] == [("normal", 1), ("low", 1)]


async def test_the_figures_tell_throughput_times_failures_and_rescues_of_the_last_hour(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    empty = await figures_of(database, organization_id)
    assert [window.completed for window in empty.windows] == [0, 0, 0]
    assert empty.times == figures.Times()
    fresh = await completed(database, organization_id, connection)
    older = await completed(database, organization_id, connection)
    gone = await completed(database, organization_id, connection)
    times = "run_after = now() - make_interval(secs => $2 + 9), started_at = now() - make_interval(secs => $2 + 4)"
    for job, ago_s in ((fresh, 0), (older, 1000), (gone, 4000)):
        await connection.fetch(
            f"UPDATE job_queue SET {times}, finished_at = now() - make_interval(secs => $2) WHERE id = $1", job, ago_s
        )
    await dead_letter(database, organization_id, connection)
    await enqueue_echo(database, organization_id)
    await settle.fail(connection, job=await claim_one(connection), error="again", delay_s=0)
    await claim_one(connection)
    await connection.fetch("UPDATE job_queue SET locked_at = now() - interval '1 h' WHERE status = 'running'")
    assert len(await rescue(connection, lease_timeout_s=90)) == 1

    found = await figures_of(database, organization_id)

    five, quarter, hour = found.windows
    assert (five.completed, quarter.completed, hour.completed) == (1, 1, 2)
    assert five.per_second == round(1 / 300, 4)
    assert (hour.dead_lettered, hour.retried, hour.failures, hour.rescues) == (1, 1, 2, 1)
    assert found.times == figures.Times(5.0, 5.0, 4.0, 4.0)
    every, normal = found.by_type
    assert (every.job_type, every.priority, every.completed, every.dead_lettered) == ("TEST_ECHO", None, 2, 1)
    assert (normal.priority, normal.completed, normal.times) == ("normal", 2, found.times)


async def test_what_living_workers_tell_is_added_up(
    database: Database, organization_id: UUID, connection: Link, session: AsyncSession
) -> None:
    for ago_s, stats in ((0, '{"completed": 5, "loop_lag_ms": 3, "claim_ms": {"p95": 2}}'), (10, '{"completed": 2}')):
        await connection.fetch(
            "INSERT INTO workers (id, kind, host, pid, state, capacity, running, version, stats, last_seen) "
            "VALUES ($1, 'job', 'h', 1, 'running', 4, 1, '0', $2::jsonb, now() - make_interval(secs => $3))",
            new_id(),
            stats,
            ago_s,
        )
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version, stats, last_seen) "
        "VALUES ($1, 'job', 'h', 1, 'running', 4, '0', '{\"completed\": 99}', now() - interval '91 s')",
        new_id(),
    )
    now = await transaction_time(session)
    workers = await queries.list_workers(session)
    told = await figures.worker_figures(session, lease_timeout_s=90, now=now)

    assert told == {
        "workers": 2,
        "capacity": 8,
        "running": 2,
        "completed": 7,
        "loop_lag_ms": 3,
        "claim_ms_p95": 2,
    }
    lives = [queries.liveness(worker.last_seen, now=now, lease_timeout_s=90) for worker in workers]
    assert sorted(lives) == ["alive", "alive", "gone"]
    assert queries.liveness(now - timedelta(seconds=61), now=now, lease_timeout_s=90) == "late"


async def test_dead_letters_are_grouped_by_cause(
    database: Database, organization_id: UUID, connection: Link, session: AsyncSession
) -> None:
    for number in range(3):
        newest = await dead_letter(database, organization_id, connection, error=f"ticket {number} is gone")
    await dead_letter(database, organization_id, connection, error="no such host")
    await dead_letter(database, uuid4(), connection, error="somebody else's")

    [gone, host] = await dead_by_cause(session, organization_id=organization_id)

    assert (gone.cause, gone.jobs, gone.sample) == ("ticket <n> is gone", 3, newest)
    assert gone.first_seen < gone.last_seen
    assert (host.cause, host.jobs) == ("no such host", 1)
    assert await dead_by_cause(session, organization_id=organization_id, job_type="TRIAGE_TICKET") == []
    async with database.transaction(None, role="atum_worker") as everybody:
        assert len(await dead_by_cause(everybody, organization_id=None)) == 3


async def test_queues_are_shown_with_their_types_and_what_is_paused(
    database: Database, organization_id: UUID, session: AsyncSession
) -> None:
    await commands.pause(session, kind="type", name="TEST_ECHO", by="me", reason="a test")
    await commands.pause(session, kind="queue", name="ai", by="me", reason=None)
    pauses = await queries.list_pauses(session)
    states = {state.name: state for state in queue_states(pauses, {"TEST_ECHO": {"pending": 3, "running": 1}})}
    tests, ai = states["tests"], states["ai"]

    assert (tests.paused, tests.pending, tests.running) == (False, 3, 1)
    # Other tests of this process may have brought types of their own.
    [echo] = [each for each in tests.types if each.name == "TEST_ECHO"]
    assert (echo.paused, echo.pending) == (True, 3)
    assert echo.pause is not None
    assert echo.pause.reason == "a test"
    assert ai.paused
    assert not any(each.paused for each in ai.types)
    check_known("queue", "tests")
    with pytest.raises(QueueNotFound, match=r"known are .*tests"):
        check_known("queue", "TEST_ECHO")
    with pytest.raises(JobTypeNotFound, match=r"known are .*TEST_ECHO"):
        check_known("type", "tests")
