"""Retention: what is past its time goes, in small bites, and nothing else."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue.clean_up import Swept, clean_up
from helpdesk.queue.files import add_files, write_file
from helpdesk.queue.link import Link
from helpdesk.queue.retention import Retention, make_partitions
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from tests.database.queue.jobs import enqueue_echo


async def cleaned(database: Database, settings: Settings, *, most_s: float = 60) -> tuple[Swept, list[str]]:
    told: list[str] = []

    async def tell(percent: float, words: str) -> None:
        told.append(f"{percent:.0f} {words}")

    swept = await clean_up(
        database,
        Storage(settings),
        kept=Retention.of(settings),
        now=datetime.now(UTC),
        most_s=most_s,
        tell=tell,
    )
    return swept, told


async def finished_jobs(connection: Link, organization_id: UUID, count: int, *, days: float) -> None:
    await connection.fetch(
        "INSERT INTO job_queue (id, organization_id, job_type, status, finished_at) "
        "SELECT gen_random_uuid(), $1, 'TEST_ECHO', 'completed', now() - make_interval(secs => $3) "
        "FROM generate_series(1, $2)",
        organization_id,
        count,
        days * 86400,
    )


async def test_finished_jobs_go_after_their_retention_and_no_others(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
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
    swept, _ = await cleaned(database, settings)
    assert (swept.removed["completed"], swept.removed["failed"], swept.finished) == (1, 2, True)
    assert {job["id"] for job in await connection.fetch("SELECT id FROM job_queue")} == kept


async def test_the_times_are_those_of_the_settings(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await finished_jobs(connection, organization_id, 1, days=1.2)
    await finished_jobs(connection, organization_id, 1, days=0.8)
    swept, _ = await cleaned(database, settings.model_copy(update={"keep_completed_days": 1.0}))
    assert swept.removed["completed"] == 1


async def test_jobs_go_in_bites_that_tell_how_far_they_are(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await finished_jobs(connection, organization_id, 4500, days=8)
    swept, told = await cleaned(database, settings)
    assert swept.removed["completed"] == 4500
    assert [words for words in told if "completed" in words] == [
        "15 completed: 2000",
        "15 completed: 4000",
        "15 completed: 4500",
    ]


async def test_a_clean_up_ends_in_its_time_and_the_next_one_goes_on(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    await finished_jobs(connection, organization_id, 10, days=8)
    swept, _ = await cleaned(database, settings, most_s=0)
    assert (swept.finished, swept.removed["completed"]) == (False, 0)
    swept, _ = await cleaned(database, settings)
    assert (swept.finished, swept.removed["completed"]) == (True, 10)


async def test_the_newest_tick_of_an_entry_stays_however_old(
    settings: Settings, database: Database, connection: Link
) -> None:
    await connection.fetch(
        "INSERT INTO cron_ticks (name, tick_at) SELECT name, now() - make_interval(days => age) "
        "FROM (VALUES ('yearly', 300), ('yearly', 665), ('hourly', 1), ('hourly', 9)) AS t (name, age)"
    )
    swept, _ = await cleaned(database, settings)
    assert swept.removed["ticks"] == 2
    rows = await connection.fetch("SELECT name, now() - tick_at AS age FROM cron_ticks")
    assert {(row["name"], row["age"].days) for row in rows} == {("yearly", 300), ("hourly", 1)}


async def test_workers_that_are_gone_are_forgotten(settings: Settings, database: Database, connection: Link) -> None:
    await connection.fetch(
        "INSERT INTO workers (id, kind, host, pid, state, capacity, version, last_seen) VALUES "
        "($1, 'job', 'h', 1, 'running', 4, '0', now()), "
        "($2, 'job', 'h', 2, 'running', 4, '0', now() - interval '1 h')",
        alive := uuid4(),
        uuid4(),
    )
    await cleaned(database, settings)
    assert [worker["id"] for worker in await connection.fetch("SELECT id FROM workers")] == [alive]


async def test_files_of_jobs_go_when_their_time_is_over(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    storage, job = Storage(settings), await enqueue_echo(database, organization_id)
    made = write_file(storage, organization_id=organization_id, name="a.txt", media_type="text/plain", data=b"a")
    async with database.transaction(organization_id) as session:
        await add_files(
            session,
            organization_id=organization_id,
            job_id=job,
            job_type="TEST_ECHO",
            files=[made],
            kept=timedelta(days=7),
            now=datetime.now(UTC) - timedelta(days=1000),
        )
    swept, _ = await cleaned(database, settings)
    assert swept.removed["files"] == 1


async def partitions(connection: Link) -> set[str]:
    rows = await connection.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'job_events'::regclass"
    )
    return {row["name"] for row in rows}


def partition(day: datetime) -> str:
    return f"job_events_{day:%Y%m%d}"


async def owner(database: Database, *statements: str) -> None:
    raw = await database.connect_raw(role="atum_owner")
    for statement in statements:
        await raw.execute(statement)
    await raw.close()


async def test_the_coming_partitions_are_made_by_ten_workers_at_once(
    settings: Settings, database: Database, connection: Link
) -> None:
    now = datetime.now(UTC)
    ahead = [partition(now + timedelta(days=n)) for n in range(8)]
    await owner(database, *(f"DROP TABLE {name}" for name in ahead[2:]))
    links = [Link(settings, application="test") for _ in range(10)]
    assert await asyncio.gather(*(make_partitions(each) for each in links)) == [True] * 10
    for each in links:
        await each.close()
    assert set(ahead) <= await partitions(connection)


async def test_the_coming_months_of_model_runs_have_partitions_too(database: Database, connection: Link) -> None:
    months = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'ai_runs'::regclass"
    before = {row["name"] for row in await connection.fetch(months)}
    assert len(before) == 4
    await owner(database, *(f"DROP TABLE {name}" for name in before - {"ai_runs_default"}))
    assert await make_partitions(connection)
    assert {row["name"] for row in await connection.fetch(months)} == before


async def test_history_of_a_time_without_partitions_moves_into_them(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    today = partition(datetime.now(UTC))
    await owner(database, f"DROP TABLE {today}")
    job = await enqueue_echo(database, organization_id)
    assert len(await connection.fetch("SELECT FROM job_events WHERE job_id = $1", job)) == 1
    assert await make_partitions(connection)
    rows = await connection.fetch("SELECT tableoid::regclass::text AS home FROM job_events WHERE job_id = $1", job)
    assert [row["home"] for row in rows] == [today]
    # As quick to look into as any other.
    raw = await database.connect_raw(role="atum_owner")
    indexes = await raw.fetch(
        "SELECT count(*) FROM pg_indexes WHERE tablename IN ($1, 'job_events_default') GROUP BY tablename", today
    )
    await raw.close()
    assert len({row["count"] for row in indexes}) == 1


async def test_a_long_transaction_on_the_history_stops_no_job_while_partitions_are_made(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    later = partition(datetime.now(UTC) + timedelta(days=5))
    await owner(database, f"DROP TABLE {later}")
    await enqueue_echo(database, organization_id)
    reader = await database.connect_raw(role="atum_worker")
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT count(*) FROM job_events")
    with capture_logs() as logs:
        started = time.monotonic()
        making = asyncio.create_task(make_partitions(connection))
        await asyncio.sleep(0.2)
        await asyncio.wait_for(enqueue_echo(database, organization_id), timeout=1.0)
        made = await making
    assert time.monotonic() - started < 5
    assert not made
    assert [entry["event"] for entry in logs] == ["partitions_not_made"]
    await transaction.rollback()
    await reader.close()
    assert await make_partitions(connection)
    assert later in await partitions(connection)


async def test_old_history_is_dropped_by_whole_days_also_what_lay_in_no_partition(
    settings: Settings, database: Database, organization_id: UUID, connection: Link
) -> None:
    old, young = (datetime.now(UTC) - timedelta(days=n) for n in (40, 20))
    for day in (old, young):
        ends = day + timedelta(days=1)
        await owner(
            database,
            f"CREATE TABLE {partition(day)} PARTITION OF job_events "
            f"FOR VALUES FROM ('{day:%Y-%m-%d}Z') TO ('{ends:%Y-%m-%d}Z')",
        )
    for days in (40, 20, 45, 12):
        await connection.fetch(
            "INSERT INTO job_events (organization_id, job_id, event, created_at) "
            "VALUES ($1, $2, 'enqueued', now() - make_interval(days => $3))",
            organization_id,
            new_id(),
            days,
        )
    swept, _ = await cleaned(database, settings)
    assert swept.removed["partitions"] == 1
    assert partition(old) not in await partitions(connection)
    assert partition(young) in await partitions(connection)
    left = await connection.fetch("SELECT now() - created_at AS age FROM job_events ORDER BY 1")
    assert [row["age"].days for row in left] == [12, 20]


async def test_old_history_that_is_being_read_is_left_to_the_next_clean_up(
    settings: Settings, database: Database, organization_id: UUID, connection: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    await owner(
        database,
        f"CREATE TABLE {partition(old)} PARTITION OF job_events "
        f"FOR VALUES FROM ('{old:%Y-%m-%d}Z') TO ('{old + timedelta(days=1):%Y-%m-%d}Z')",
    )
    await finished_jobs(connection, organization_id, 1, days=8)
    reader = await database.connect_raw(role="atum_worker")
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT count(*) FROM job_events")
    swept, _ = await cleaned(database, settings)
    await transaction.rollback()
    await reader.close()
    assert (swept.finished, swept.removed["completed"], "partitions" in swept.removed) == (False, 1, False)
    assert partition(old) in await partitions(connection)
