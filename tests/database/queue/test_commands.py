"""What people can do to jobs, and see of them."""

from uuid import UUID, uuid4

import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority, JobStatus
from helpdesk.queue import commands, queries, settle
from helpdesk.queue.claim import renew
from helpdesk.queue.link import Link
from helpdesk.queue.queries import JobFilter
from helpdesk.queue.rescue import rescue
from tests.database.queue.jobs import claim_one, enqueue_echo, history, row


async def _cancel(database: Database, organization_id: UUID, job: UUID) -> str:
    async with database.transaction(organization_id) as session:
        return await commands.cancel(session, organization_id=organization_id, job_id=job, reason="a change of plan")


async def _replay(database: Database, organization_id: UUID, job: UUID) -> None:
    async with database.transaction(organization_id) as session:
        await commands.replay(session, organization_id=organization_id, job_id=job)


async def _dead_letter(database: Database, organization_id: UUID, connection: Link, **options: str) -> UUID:
    job = await enqueue_echo(database, organization_id, **options)
    await settle.fail(connection, job=await claim_one(connection), error="boom", delay_s=1, fatal=True)
    return job


async def test_a_pending_job_is_cancelled_at_once(database: Database, organization_id: UUID, connection: Link) -> None:
    job = await enqueue_echo(database, organization_id)
    assert await _cancel(database, organization_id, job) == "cancelled"
    assert (await row(connection, job))["finished_at"] is not None
    assert await history(connection, job) == ["enqueued", "cancelled"]
    with pytest.raises(commands.JobHasEnded, match="cancelled already"):
        await _cancel(database, organization_id, job)
    with pytest.raises(commands.JobNotFound):
        await _cancel(database, organization_id, uuid4())


async def test_a_running_job_is_cancelled_through_its_worker(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    held = await claim_one(connection)
    assert await _cancel(database, organization_id, job) == "running"
    assert await renew(connection, worker_id=held.locked_by, leases={job: held.lease}) == {job: True}
    assert await settle.cancel(connection, job=held, reason="cancelled on request")
    assert await history(connection, job) == ["enqueued", "started", "cancel_requested", "cancelled"]


@pytest.mark.parametrize("ending", ["fail", "hand_back", "rescue"])
async def test_a_job_asked_to_stop_is_not_tried_again_however_it_ends(
    database: Database, organization_id: UUID, connection: Link, ending: str
) -> None:
    job = await enqueue_echo(database, organization_id)
    held = await claim_one(connection)
    await _cancel(database, organization_id, job)
    if ending == "fail":
        await settle.fail(connection, job=held, error="boom", delay_s=1)
    elif ending == "hand_back":
        await settle.hand_back(connection, worker_id=held.locked_by, jobs=[held])
    else:
        await connection.fetch("UPDATE job_queue SET locked_at = now() - interval '1 h'")
        await rescue(connection, lease_timeout_s=90)
    ended = await row(connection, job)
    assert ended["status"] == "cancelled"
    assert ended["finished_at"] is not None
    assert (await history(connection, job))[-1] == "cancelled"


async def test_a_replayed_job_keeps_its_id_lease_and_history(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await _dead_letter(database, organization_id, connection)
    await _replay(database, organization_id, job)
    again = await row(connection, job)
    assert (again["status"], again["retry_count"], again["crash_count"], again["lease"]) == ("pending", 0, 0, 1)
    assert again["finished_at"] is None
    assert (await claim_one(connection)).lease == 2
    assert await history(connection, job) == ["enqueued", "started", "dead_lettered", "replayed", "started"]
    with pytest.raises(commands.JobNotReplayable, match="running"):
        await _replay(database, organization_id, job)
    with pytest.raises(commands.JobNotFound):
        await _replay(database, organization_id, uuid4())


async def test_a_replay_does_not_make_two_of_a_unique_key(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = await _dead_letter(database, organization_id, connection, unique_key="k")
    await enqueue_echo(database, organization_id, unique_key="k")
    with pytest.raises(commands.LiveJobExists):
        await _replay(database, organization_id, dead)
    assert (await row(connection, dead))["status"] == "dead_letter"


async def test_dead_letters_are_replayed_by_type_and_spread_over_time(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = {await _dead_letter(database, organization_id, connection) for _ in range(6)}
    stranger = await _dead_letter(database, uuid4(), connection)
    async with database.transaction(organization_id) as session:
        replay = commands.replay_dead_letters
        assert await replay(session, organization_id=organization_id, job_type="TRIAGE_TICKET") == []
        assert set(await replay(session, organization_id=organization_id, job_type="TEST_ECHO", spread_s=600)) == dead
    waits = await connection.fetch(
        "SELECT extract(epoch FROM run_after - now())::float8 FROM job_queue WHERE status = 'pending'"
    )
    assert all(-5 < wait[0] <= 600 for wait in waits)
    assert max(wait[0] for wait in waits) > 10
    assert (await row(connection, stranger))["status"] == "dead_letter"


async def test_pages_of_jobs_do_not_overlap_while_jobs_are_added(database: Database, organization_id: UUID) -> None:
    made = [await enqueue_echo(database, organization_id) for _ in range(5)]
    await enqueue_echo(database, uuid4())
    async with database.transaction(organization_id) as session:
        first = await queries.list_jobs(session, organization_id=organization_id, limit=3)
    await enqueue_echo(database, organization_id)
    async with database.transaction(organization_id) as session:
        second = await queries.list_jobs(session, organization_id=organization_id, limit=3, cursor=first.next_cursor)
        with pytest.raises(queries.InvalidCursor):
            await queries.list_jobs(session, organization_id=organization_id, cursor="nonsense")
    assert [job.id for job in first.jobs + second.jobs] == made[::-1]
    assert second.next_cursor is None


async def test_jobs_are_filtered_by_each_field(database: Database, organization_id: UUID, connection: Link) -> None:
    low = await enqueue_echo(database, organization_id, priority=JobPriority.LOW)
    dead = await _dead_letter(database, organization_id, connection, priority=JobPriority.HIGH)
    created = (await row(connection, dead))["created_at"]
    expected = {
        JobFilter(status=JobStatus.DEAD_LETTER): [dead],
        JobFilter(job_type="TEST_ECHO"): [dead, low],
        JobFilter(job_type="TRIAGE_TICKET"): [],
        JobFilter(queue="tests"): [dead, low],
        JobFilter(queue="ai"): [],
        JobFilter(priority="low"): [low],
        JobFilter(since=created): [dead],
        JobFilter(before=created): [low],
    }
    async with database.transaction(organization_id) as session:
        for where, jobs in expected.items():
            page = await queries.list_jobs(session, organization_id=organization_id, where=where)
            assert [job.id for job in page.jobs] == jobs, where


async def test_a_job_is_shown_with_its_history_to_its_own_organisation(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    dead = await _dead_letter(database, organization_id, connection)
    async with database.transaction(organization_id) as session:
        detail = await queries.get_job(session, organization_id=organization_id, job_id=dead)
    assert detail.job.last_error == "boom"
    assert [(event.event, event.detail) for event in detail.events][-1] == ("dead_lettered", "boom")
    stranger = uuid4()
    async with database.transaction(stranger) as session:
        with pytest.raises(commands.JobNotFound):
            await queries.get_job(session, organization_id=stranger, job_id=dead)


async def test_the_overview_counts_by_status_and_type_and_tells_the_longest_wait(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    async with database.transaction(organization_id) as session:
        empty = await queries.stats(session, organization_id=organization_id)
    assert empty.by_status == dict.fromkeys(JobStatus, 0)
    assert empty.oldest_due_s == 0
    await _dead_letter(database, organization_id, connection)
    await enqueue_echo(database, organization_id)
    await connection.fetch("UPDATE job_queue SET run_after = now() - interval '90 s' WHERE status = 'pending'")
    async with database.transaction(organization_id) as session:
        stats = await queries.stats(session, organization_id=organization_id)
    assert stats.by_type == {"TEST_ECHO": {"dead_letter": 1, "pending": 1}}
    assert stats.by_status["dead_letter"] == 1
    assert 89 < stats.oldest_due_s < 120


async def test_workers_are_listed(database: Database, organization_id: UUID, connection: Link) -> None:
    me = new_id()
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version) "
        "VALUES ($1, 'job', 'h', 1, 'running', 4, '0')",
        me,
    )
    async with database.transaction(organization_id) as session:
        assert [worker.id for worker in await queries.list_workers(session)] == [me]
