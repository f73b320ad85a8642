"""Schedules and upkeep: once, whoever does it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.queue.link import Link
from helpdesk.queue.retention import maintain, prune
from helpdesk.queue.schedule import SCHEDULE, database_now, fire, take_tick, tick_before
from helpdesk.settings import Settings
from tests.database.queue.jobs import enqueue_echo, history, link, row

TICK = datetime(2026, 3, 3, 9, 15, tzinfo=UTC)


async def test_ten_schedulers_make_one_job_per_tick_and_organisation(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    second = new_id()
    async with database.transaction(second) as session:
        session.add(Organization(id=second, slug="second", name="Second"))

    async def offer() -> int:
        async with link(settings) as own:
            made = [len(await fire(own, SCHEDULE[0], tick=TICK + timedelta(minutes=15 * n))) for n in range(3)]
            return sum(made)

    assert sum(await asyncio.gather(*(offer() for _ in range(10)))) == 6
    jobs = await connection.fetch("SELECT id, organization_id, job_type, payload, priority FROM job_queue")
    buckets = [(job["organization_id"], json.loads(job["payload"])["bucket_start"]) for job in jobs]
    assert sorted(buckets, key=str) == sorted(
        [(owner, f"2026-03-03T09:{n:02}:00Z") for owner in (organization_id, second) for n in (0, 15, 30)], key=str
    )
    assert {(job["job_type"], job["priority"]) for job in jobs} == {("METRICS_SNAPSHOT", "low")}
    assert await history(connection, jobs[0]["id"]) == ["enqueued"]


async def test_a_tick_of_maintenance_is_taken_once(connection: Link) -> None:
    assert await take_tick(connection, "maintenance", tick=TICK)
    assert not await take_tick(connection, "maintenance", tick=TICK)
    assert await take_tick(connection, "maintenance", tick=TICK + timedelta(hours=1))


async def test_the_clock_of_the_database_counts(connection: Link) -> None:
    assert abs(await database_now(connection) - datetime.now(UTC)) < timedelta(seconds=5)


async def test_finished_jobs_go_after_their_retention_and_no_others(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    ages = {"completed": (6, 8), "dead_letter": (89, 91), "cancelled": (89, 91), "pending": (400,)}
    kept = set()
    for status, days in ages.items():
        for age in days:
            job = await enqueue_echo(database, organization_id)
            finished = None if status == "pending" else datetime.now(UTC) - timedelta(days=age)
            await connection.fetch(
                "UPDATE job_queue SET status = $2, finished_at = $3 WHERE id = $1", job, status, finished
            )
            if age == days[0]:
                kept.add(job)
    assert await maintain(connection, worker_gone_s=900) == 3
    assert {job["id"] for job in await connection.fetch("SELECT id FROM job_queue")} == kept


async def test_pruning_takes_one_bite_at_a_time(database: Database, organization_id: UUID, connection: Link) -> None:
    await connection.fetch(
        "INSERT INTO job_queue (id, organization_id, job_type, status, finished_at) "
        "SELECT gen_random_uuid(), $1, 'TEST_ECHO', 'completed', now() - interval '8 days' "
        "FROM generate_series(1, 2500)",
        organization_id,
    )
    kept = timedelta(days=7)
    bites = [await prune(connection, statuses=("completed",), kept=kept) for _ in range(3)]
    assert bites == [2000, 500, 0]


async def test_maintenance_makes_the_coming_partitions_and_forgets_workers_that_are_gone(connection: Link) -> None:
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version, last_seen) VALUES "
        "($1, 'job', 'h', 1, 'running', 4, '0', now()), "
        "($2, 'job', 'h', 2, 'running', 4, '0', now() - interval '1 h')",
        alive := uuid4(),
        uuid4(),
    )
    await maintain(connection, worker_gone_s=900)
    assert [worker["id"] for worker in await connection.fetch("SELECT id FROM workers")] == [alive]
    coming = f"job_events_{datetime.now(UTC) + timedelta(days=7):%Y%m%d}"
    assert (await connection.fetch("SELECT to_regclass($1)::text", coming))[0][0] == coming


def test_ticks_are_whole_multiples_since_the_epoch() -> None:
    assert tick_before(datetime(2026, 3, 3, 9, 29, 59, tzinfo=UTC), timedelta(minutes=15)) == TICK
    assert tick_before(TICK, timedelta(minutes=15)) == TICK


async def test_a_stored_payload_is_readable_by_a_person(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    jobs = await fire(connection, SCHEDULE[0], tick=TICK)
    assert (await row(connection, jobs[0]))["payload"] == '{"bucket_start": "2026-03-03T09:00:00Z"}'
