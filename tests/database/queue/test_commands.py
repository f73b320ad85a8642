"""What people can do to a job."""

from uuid import UUID, uuid4

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue import commands, settle
from helpdesk.queue.claim import renew
from helpdesk.queue.link import Link
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
