"""How a job ends is said by whoever holds its lease, and by nobody else."""

from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue import settle
from helpdesk.queue.claim import renew
from helpdesk.queue.last_chance import take, waiting
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import LeaseLost
from helpdesk.queue.rescue import rescue
from tests.database.queue.jobs import claim_one, enqueue_echo, history, row


async def _expire(connection: Link, job: UUID) -> None:
    await connection.fetch("UPDATE job_queue SET locked_at = now() - interval '10 min' WHERE id = $1", job)


async def _rescue_now(connection: Link) -> list[str]:
    """Rescue, and make what was rescued due."""
    rescued = await rescue(connection, lease_timeout_s=90)
    await connection.fetch("UPDATE job_queue SET run_after = now() WHERE status = 'pending'")
    return [job.status for job in rescued]


async def test_a_zombie_can_neither_end_its_old_job_nor_keep_it(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    zombie = await claim_one(connection)
    await _expire(connection, job)
    assert await _rescue_now(connection) == ["pending"]
    heir = await claim_one(connection)

    assert await settle.complete(connection, worker_id=zombie.locked_by, jobs=[zombie]) == set()
    assert await settle.fail(connection, job=zombie, error="late", delay_s=1) is None
    assert await settle.hand_back(connection, worker_id=zombie.locked_by, jobs=[zombie]) == set()
    assert not await settle.cancel(connection, job=zombie, reason="late")
    assert not await settle.report_progress(connection, job=zombie, progress={})
    assert await renew(connection, worker_id=zombie.locked_by, leases={job: zombie.lease}) == {}
    with pytest.raises(LeaseLost):
        async with database.transaction(organization_id) as session:
            await settle.complete_in(session, zombie)

    assert (await row(connection, job))["locked_by"] == heir.locked_by
    assert await settle.complete(connection, worker_id=heir.locked_by, jobs=[heir]) == {job}
    assert await history(connection, job) == ["enqueued", "started", "rescued", "started", "completed"]


async def test_the_same_worker_is_a_zombie_too_after_it_claimed_its_job_anew(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    me = new_id()
    before = await claim_one(connection, me)
    await _expire(connection, job)
    await _rescue_now(connection)
    await claim_one(connection, me)
    assert await settle.complete(connection, worker_id=me, jobs=[before]) == set()
    with pytest.raises(LeaseLost):
        async with database.transaction(organization_id) as session:
            await settle.complete_in(session, before)
    assert (await row(connection, job))["status"] == "running"


async def test_a_rescue_never_overwrites_a_completion(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    slow = await claim_one(connection)
    await _expire(connection, job)
    raw = await database.connect_raw(role="atum_worker")
    try:
        async with raw.transaction():
            # Completed, but not yet committed: the rescuer still sees an expired running job, and passes it over.
            assert await settle.complete(raw, worker_id=slow.locked_by, jobs=[slow]) == {job}
            assert await rescue(connection, lease_timeout_s=90) == []
    finally:
        await raw.close()
    assert await rescue(connection, lease_timeout_s=90) == []
    assert (await row(connection, job))["status"] == "completed"


async def test_a_job_that_kills_three_workers_is_set_aside_with_the_reason(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    outcomes = []
    for _ in range(2):
        await claim_one(connection)
        await _expire(connection, job)
        outcomes += await _rescue_now(connection)
    last = await waiting(connection)
    assert last is not None
    assert await take(connection, last, worker_id=new_id()) is not None
    await _expire(connection, job)
    outcomes += await _rescue_now(connection)
    assert outcomes == ["pending", "pending", "dead_letter"]
    dead = await row(connection, job)
    assert (dead["crash_count"], dead["retry_count"], dead["locked_by"]) == (3, 0, None)
    assert dead["last_error"] == "lease lost: the worker died or lost the database"
    assert dead["finished_at"] is not None
    assert (await history(connection, job))[-1] == "dead_lettered"


async def test_a_job_that_outlives_its_timeout_is_taken_from_a_worker_that_still_beats(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    await claim_one(connection)
    await connection.fetch("UPDATE job_queue SET started_at = now() - interval '149 s'")
    assert await rescue(connection, lease_timeout_s=90, stuck_grace_s=120) == []
    await connection.fetch("UPDATE job_queue SET started_at = now() - interval '151 s'")
    assert [taken.id for taken in await rescue(connection, lease_timeout_s=90, stuck_grace_s=120)] == [job]
    assert "stuck" in (await row(connection, job))["last_error"]


async def test_a_live_job_is_never_rescued_however_long_it_runs(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    held = await claim_one(connection)
    await connection.fetch("UPDATE job_queue SET started_at = now() - interval '1 day', timeout_s = NULL")
    await renew(connection, worker_id=held.locked_by, leases={job: held.lease})
    assert await rescue(connection, lease_timeout_s=90) == []


async def test_failures_back_off_and_end_as_a_dead_letter(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    seen = []
    for delay in (60.0, 300.0, 900.0):
        held = await claim_one(connection)
        became = await settle.fail(connection, job=held, error="boom \x00" + "x" * 9000, delay_s=delay)
        assert became is not None
        wait = await connection.fetch("SELECT extract(epoch FROM run_after - updated_at)::float8 FROM job_queue")
        seen.append((became.status, wait[0][0]))
        await connection.fetch("UPDATE job_queue SET run_after = now()")
    assert seen == [("pending", 60.0), ("pending", 300.0), ("dead_letter", 900.0)]
    dead = await row(connection, job)
    assert (dead["retry_count"], dead["crash_count"], len(dead["last_error"])) == (3, 0, 4096)
    assert (await history(connection, job))[-3:] == ["retried", "started", "dead_lettered"]


async def test_a_fatal_failure_is_not_tried_again(database: Database, organization_id: UUID, connection: Link) -> None:
    await enqueue_echo(database, organization_id)
    became = await settle.fail(connection, job=await claim_one(connection), error="no", delay_s=1, fatal=True)
    assert became is not None
    assert became.status == "dead_letter"


async def test_handing_back_uses_up_no_attempt(database: Database, organization_id: UUID, connection: Link) -> None:
    job = await enqueue_echo(database, organization_id)
    held = await claim_one(connection)
    await settle.hand_back(connection, worker_id=held.locked_by, jobs=[held], event="snoozed", after_s=0, reason="busy")
    back = await row(connection, job)
    assert (back["status"], back["attempts"], back["retry_count"], back["crash_count"]) == ("pending", 0, 0, 0)
    assert back["lease"] == held.lease
    again = await claim_one(connection)
    assert (again.attempt, again.lease) == (1, held.lease + 1)
    assert await history(connection, job) == ["enqueued", "started", "snoozed", "started"]


async def test_what_a_handler_writes_and_the_completion_are_one(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    job = await enqueue_echo(database, organization_id)
    held = await claim_one(connection)
    rename = text("UPDATE organizations SET name = :name WHERE id = :id")

    async def finish(name: str) -> None:
        async with database.transaction(organization_id) as session:
            await session.execute(rename, {"name": name, "id": organization_id})
            await settle.complete_in(session, held, result={"name": name})

    await finish("first")
    assert (await row(connection, job))["status"] == "completed"
    with pytest.raises(LeaseLost):
        await finish("second")
    names = await connection.fetch("SELECT name FROM organizations WHERE id = $1", organization_id)
    assert names[0]["name"] == "first"
    assert (await history(connection, job)).count("completed") == 1


async def test_jobs_a_worker_claimed_without_knowing_go_back(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    me = new_id()
    for _ in range(2):
        await enqueue_echo(database, organization_id)
    known, unknown = await claim_one(connection, me), await claim_one(connection, me)
    assert await settle.release_orphans(connection, worker_id=me, held=[known.id]) == 1
    assert (await row(connection, known.id))["status"] == "running"
    assert (await row(connection, unknown.id))["status"] == "pending"
