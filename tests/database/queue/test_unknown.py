"""Jobs of a type that nobody knows are set aside, and only those."""

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue.catalog import JOB_TYPES
from helpdesk.queue.enqueue import enqueue
from helpdesk.queue.link import Link
from helpdesk.queue.unknown import dead_letter_unknown
from tests.database.queue.jobs import Echo, enqueue_echo, history, known, row

_DAY = timedelta(hours=24)


class Stray(Echo):
    job_type: ClassVar = "TEST_STRAY"


class StrayLimited(Echo):
    job_type: ClassVar = "TEST_STRAY_LIMITED"
    limited_by: ClassVar = "type"


async def _stray(database: Database, organization_id: UUID, kind: type[Echo] = Stray) -> UUID:

    with known(kind):
        async with database.transaction(organization_id) as session:
            return await enqueue(session, kind(), organization_id=organization_id)


async def _worker(connection: Link, *types: str, silent_s: int = 0) -> None:
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version, types, last_seen) "
        "VALUES ($1, 'job', 'h', 1, 'running', 4, '0', $2, now() - make_interval(secs => $3::int))",
        new_id(),
        list(types),
        silent_s,
    )


async def _age(connection: Link) -> None:
    await connection.fetch(
        "UPDATE job_queue SET created_at = now() - interval '25 h', run_after = now() - interval '25 h'"
    )


async def test_what_nobody_has_known_for_a_day_becomes_a_dead_letter(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    stray = await _stray(database, organization_id)
    limited = await _stray(database, organization_id, StrayLimited)
    echo = await enqueue_echo(database, organization_id)
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {}
    await _age(connection)
    young = await _stray(database, organization_id)
    await _worker(connection, "TEST_STRAY", silent_s=3600)
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {"TEST_STRAY": 1, "TEST_STRAY_LIMITED": 1}
    for job in (stray, limited):
        stored = await row(connection, job)
        assert (stored["status"], stored["last_error"]) == (
            "dead_letter",
            f"no worker knows the job type {stored['job_type']}",
        )
        assert await history(connection, job) == ["enqueued", "dead_lettered"]
    assert {(await row(connection, job))["status"] for job in (echo, young)} == {"pending"}
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {}


async def test_what_another_live_worker_knows_is_left_alone(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await _stray(database, organization_id)
    await _age(connection)
    await _worker(connection, "TEST_ECHO", "TEST_STRAY")
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {}


async def test_a_worker_that_does_not_say_what_it_serves_may_know_everything(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await _stray(database, organization_id)
    await _age(connection)
    await _worker(connection)
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {}


async def test_a_job_that_was_only_due_long_after_it_was_made_gets_its_day(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    stray = await _stray(database, organization_id)
    await connection.fetch("UPDATE job_queue SET created_at = now() - interval '9 days'")
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {}
    await connection.fetch("UPDATE job_queue SET created_at = now(), run_after = now() - interval '9 days'")
    assert await dead_letter_unknown(connection, JOB_TYPES, _DAY) == {}
    assert (await row(connection, stray))["status"] == "pending"
