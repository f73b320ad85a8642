"""Each due job goes to one worker, and none waits for ever."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue.claim import claim, renew, seconds_until_due
from helpdesk.queue.enqueue import enqueue_many
from helpdesk.queue.link import Link
from helpdesk.queue.settle import complete
from helpdesk.settings import Settings
from tests.database.queue.jobs import Echo, claim_one, enqueue_echo, history, link, row


async def test_eight_claimers_claim_and_complete_each_job_once(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    for priority in JobPriority:
        async with database.transaction(organization_id) as session:
            await enqueue_many(
                session, [Echo(n=n) for n in range(400)], organization_id=organization_id, priority=priority
            )
    seen: Counter[UUID] = Counter()

    async def work() -> None:
        me, empty = new_id(), 0
        async with link(settings) as own:
            while empty < 3:
                jobs = await claim(own, worker_id=me, limit=7)
                empty = 0 if jobs else empty + 1
                seen.update(job.id for job in jobs)
                assert len(await complete(own, worker_id=me, jobs=jobs)) == len(jobs)

    await asyncio.gather(*(work() for _ in range(8)))
    assert len(seen) == 1200
    assert set(seen.values()) == {1}
    counts = await connection.fetch("SELECT event, count(*) FROM job_events GROUP BY event")
    assert dict(map(tuple, counts)) == {"enqueued": 1200, "started": 1200, "completed": 1200}


async def test_a_claim_takes_no_more_than_asked_and_leaves_the_rest_alone(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    for _ in range(5):
        await enqueue_echo(database, organization_id)
    me = new_id()
    jobs = await claim(connection, worker_id=me, limit=2)
    assert len(jobs) == 2
    stored = await row(connection, jobs[0].id)
    assert (stored["status"], stored["locked_by"], stored["lease"], stored["attempts"]) == ("running", me, 1, 1)
    assert len(await connection.fetch("SELECT 1 FROM job_queue WHERE status = 'pending'")) == 3


async def test_jobs_come_by_virtual_deadline_so_that_low_work_waits_at_most_five_minutes(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    now = datetime.now(UTC)

    async def add(priority: JobPriority, seconds_ago: float) -> UUID:
        due = now - timedelta(seconds=seconds_ago)
        return await enqueue_echo(database, organization_id, priority=priority, run_after=due)

    expected = [
        await add(JobPriority.LOW, 310),
        await add(JobPriority.HIGH, 5),
        await add(JobPriority.NORMAL, 61),
        await add(JobPriority.HIGH, 0),
        await add(JobPriority.NORMAL, 50),
        await add(JobPriority.LOW, 280),
    ]
    assert [(await claim_one(connection)).id for _ in expected] == expected


async def test_a_low_job_is_taken_while_newer_high_work_never_ends(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    overdue = datetime.now(UTC) - timedelta(seconds=301)
    low = await enqueue_echo(database, organization_id, priority=JobPriority.LOW, run_after=overdue)
    async with database.transaction(organization_id) as session:
        flood = [Echo(n=n) for n in range(300)]
        await enqueue_many(session, flood, organization_id=organization_id, priority=JobPriority.HIGH)
    jobs = await claim(connection, worker_id=new_id(), limit=10)
    assert low in {job.id for job in jobs}


async def test_a_job_is_not_taken_before_its_time(database: Database, organization_id: UUID, connection: Link) -> None:
    assert await seconds_until_due(connection) is None
    await enqueue_echo(database, organization_id, run_after=datetime.now(UTC) + timedelta(seconds=30))
    assert await claim(connection, worker_id=new_id(), limit=10) == []
    wait = await seconds_until_due(connection)
    assert wait is not None
    assert 25 < wait <= 30


async def test_a_worker_can_be_kept_to_some_types(database: Database, organization_id: UUID, connection: Link) -> None:
    job = await enqueue_echo(database, organization_id)
    assert await claim(connection, worker_id=new_id(), limit=10, room={"TRIAGE_TICKET": 5}) == []
    assert [taken.id for taken in await claim(connection, worker_id=new_id(), limit=10, room={"TEST_ECHO": 5})] == [job]


async def test_a_heartbeat_renews_only_what_is_still_held_and_tells_what_is_to_stop(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    me = new_id()
    for _ in range(3):
        await enqueue_echo(database, organization_id)
    kept, wanted, lost = await claim(connection, worker_id=me, limit=3)
    await connection.fetch("UPDATE job_queue SET locked_at = now() - interval '1 h'")
    await connection.fetch("UPDATE job_queue SET cancel_requested_at = now() WHERE id = $1", wanted.id)
    await connection.fetch("UPDATE job_queue SET lease = lease + 1 WHERE id = $1", lost.id)
    leases = {job.id: job.lease for job in (kept, wanted, lost)}
    assert await renew(connection, worker_id=me, leases=leases) == {kept.id: False, wanted.id: True}
    assert await renew(connection, worker_id=new_id(), leases=leases) == {}
    old = await connection.fetch("SELECT id FROM job_queue WHERE locked_at < now() - interval '1 min'")
    assert [job["id"] for job in old] == [lost.id]


async def test_a_heartbeat_does_not_wait_for_a_row_its_own_handler_is_completing(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    me = new_id()
    await enqueue_echo(database, organization_id)
    await enqueue_echo(database, organization_id)
    busy, other = await claim(connection, worker_id=me, limit=2)
    raw = await database.connect_raw(role="atum_worker")
    try:
        async with raw.transaction():
            await raw.execute("UPDATE job_queue SET progress = '{}' WHERE id = $1", busy.id)
            async with asyncio.timeout(10):
                kept = await renew(connection, worker_id=me, leases={busy.id: 1, other.id: 1})
        assert kept == {busy.id: False, other.id: False}
    finally:
        await raw.close()


async def test_the_history_names_the_worker_and_the_attempt(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    me = new_id()
    await claim_one(connection, me)
    started = (await connection.fetch("SELECT * FROM job_events WHERE job_id = $1 AND event = 'started'", job))[0]
    assert (started["worker"], started["attempt"], started["organization_id"]) == (me, 1, organization_id)
    assert await history(connection, job) == ["enqueued", "started"]
