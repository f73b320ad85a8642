"""Migrations on a database that is in use: one at a time, and never in everybody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from helpdesk.database.engine import connect_raw
from helpdesk.database.schema_version import REVISION, state
from helpdesk.settings import Settings
from migrations.locks import MIGRATION_LOCK
from tests.database.upgrade.later import CONTRACTED, EXPANDED, INDEXED, Later, ended
from tests.journeys.processes import Running, start
from tests.waiting import eventually

_WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1
"""


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_raw(settings, application="reader", role="atum_owner")
    yield connection
    await connection.close()


@pytest.fixture
async def beside(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_raw(settings, application="test", role="atum_owner")
    yield connection
    await connection.close()


def migrate(url: str, log_file: Path) -> Running:
    return start("helpdesk.cli", "migrate", log_file=log_file, environment={"ATUM_DATABASE_URL": url})


async def test_of_two_migrators_one_migrates_and_the_other_finds_it_done(
    later: Later, database_url: str, owner: asyncpg.Connection
) -> None:
    await owner.fetchval("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    both = [later.start(database_url, CONTRACTED) for _ in range(2)]
    for running in both:
        await running.wait_for_log("is under way")
    await owner.fetchval("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
    # Twice the same step would fail: there can be one column of a name.
    assert [await ended(running) for running in both] == [0, 0], [running.log() for running in both]
    assert (await state(owner)).current == CONTRACTED


async def test_a_migrator_waits_for_the_one_whose_turn_it_is(
    database_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await owner.fetchval("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    running = migrate(database_url, tmp_path / "log")
    await running.wait_for_log(rf"is under way \(process {await owner.fetchval('SELECT pg_backend_pid()')}\)")
    await owner.fetchval("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
    assert await ended(running) == 0
    assert "is up to date" in running.log()


async def test_a_migration_lets_the_others_through_while_it_waits_for_a_lock(
    later: Later, database_url: str, owner: asyncpg.Connection, beside: asyncpg.Connection
) -> None:
    """Whoever reads a table while a migration waits for it waits for as long as one try at most."""
    await owner.execute("BEGIN; SELECT count(*) FROM tickets")
    running = later.start(database_url, EXPANDED)
    await eventually(lambda: _waits(beside, "ALTER TABLE tickets%"), within_s=30)
    # Would wait for as long as the reader has its transaction open, if the migration kept its place in the queue.
    assert await beside.fetchval("SELECT count(*) FROM tickets", timeout=10) == 0
    assert (await state(beside)).current == REVISION

    await owner.execute("COMMIT")
    assert await ended(running) == 0, running.log()
    assert (await state(beside)).current == EXPANDED


async def test_a_migration_that_gets_no_lock_names_who_has_it(
    later: Later, database_url: str, owner: asyncpg.Connection, beside: asyncpg.Connection
) -> None:
    await owner.execute("BEGIN; SELECT count(*) FROM tickets")
    done = await later.upgrade(database_url, EXPANDED, ATUM_MIGRATION_TRIES="2")
    assert done.process.returncode == 1
    last = done.log().splitlines()[-1]
    assert "MigrationBlocked" in last
    assert "in 2 tries" in last
    pid = await owner.fetchval("SELECT pg_backend_pid()")
    assert f"process {pid} (atum-desk-reader, user atum, idle in transaction, its transaction open for" in last
    assert f"SELECT pg_terminate_backend({pid})" in last
    await owner.execute("ROLLBACK")
    assert (await state(beside)).current == REVISION
    assert not await beside.fetchval(
        "SELECT true FROM pg_attribute WHERE attrelid = 'tickets'::regclass AND attname = 'mood'"
    )


async def test_an_index_is_made_while_rows_are_written_and_made_anew_when_it_was_cut_off(
    later: Later, database_url: str, owner: asyncpg.Connection, beside: asyncpg.Connection
) -> None:
    assert (await later.upgrade(database_url, EXPANDED)).process.returncode == 0
    await owner.execute("BEGIN; UPDATE tickets SET mood = 'calm'")
    running = later.start(database_url, INDEXED)
    await eventually(lambda: _waits(beside, "CREATE INDEX CONCURRENTLY%"), within_s=30)
    # As `kill` of the migrator or a restart of the server would.
    await beside.execute(
        "RESET ROLE; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
        "'atum-desk-migrate' AND datname = current_database(); SET ROLE atum_owner"
    )
    assert await ended(running) != 0
    assert await _index(beside) is False

    await owner.execute("COMMIT")
    done = await later.upgrade(database_url, INDEXED)
    assert done.process.returncode == 0, done.log()
    assert await _index(beside) is True
    assert (await state(beside)).current == INDEXED


async def _waits(connection: asyncpg.Connection, query: str) -> bool:
    # Of all the roles, this one sees what others do.
    await connection.execute("SET ROLE atum_worker")
    waiting = await connection.fetchval(_WAITING, query)
    await connection.execute("SET ROLE atum_owner")
    return bool(waiting)


async def _index(connection: asyncpg.Connection) -> bool | None:
    """Return whether the index is valid; None where there is none."""
    valid: bool | None = await connection.fetchval(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_tickets_mood')"
    )
    return valid
