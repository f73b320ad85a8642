"""Every process says in one sentence why it does not start on a schema that it does not run with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from helpdesk.database.engine import Database, connect_raw
from helpdesk.database.schema_version import REVISION, Pooled, SchemaNote, check, state
from helpdesk.database.tenancy import Role
from helpdesk.settings import Settings
from tests.conftest import Server
from tests.database.test_migrations import alembic
from tests.database.upgrade.later import CONTRACTED, EXPANDED, Later
from tests.journeys.processes import start
from tests.pooler import pooled_url, pooler


@pytest.fixture
async def owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect_raw(settings, application="test", role="atum_owner")
    yield connection
    await connection.close()


async def at(connection: asyncpg.Connection, revision: str, *, serves_since: str, migrated_by: str = "9.9") -> None:
    """Make the database one that a version to come has migrated."""
    await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
    written = SchemaNote(serves_since, migrated_by).written()
    await connection.execute(f"COMMENT ON TABLE alembic_version IS '{written}'")


@pytest.mark.parametrize("role", ["atum_app", "atum_worker", "atum_owner", None])
async def test_any_role_can_see_whether_the_schema_is_right(settings: Settings, role: Role | None) -> None:
    connection = await connect_raw(settings, application="test", role=role)
    try:
        found = await check(connection)
    finally:
        await connection.close()
    assert (found.current, found.verdict) == (REVISION, "ok")


async def test_the_schema_can_be_looked_at_through_a_pooler(server: Server, database_url: str) -> None:
    with pooler(server, pool_size=1) as port:
        through = Settings(database_url=pooled_url(database_url, port), database_pgbouncer=True)
        database = Database(through, application="test")
        async with database.engine.connect() as connection:
            assert (await check(Pooled(connection))).verdict == "ok"
        await database.close()


async def test_a_schema_of_before_the_notes_is_one_to_migrate(
    settings: Settings, owner: asyncpg.Connection, database_url: str
) -> None:
    await owner.execute("COMMENT ON TABLE alembic_version IS NULL; REVOKE SELECT ON alembic_version FROM PUBLIC")
    connection = await connect_raw(settings, application="test", role="atum_app")
    try:
        assert (await state(connection)).verdict == "too_old"
        migrated = alembic(database_url, "upgrade", "head")
        assert migrated.returncode == 0, migrated.stderr
        assert (await state(connection)).verdict == "ok"
    finally:
        await connection.close()


async def test_migrations_note_since_when_the_schema_serves(
    later: Later, database_url: str, owner: asyncpg.Connection
) -> None:
    for revision, verdict, since in ((EXPANDED, "ok", "202611221530"), (CONTRACTED, "too_new", EXPANDED)):
        done = await later.upgrade(database_url, revision)
        assert done.process.returncode == 0, done.log()
        found = await state(owner)
        assert found.note is not None
        assert (found.current, found.verdict, found.note.serves_since) == (revision, verdict, since)


@pytest.mark.parametrize(
    ("process", "code"),
    [
        (("workers", "rag"), 2),
        (("api", "--port", "0"), 1),
        (("helpdesk.cli", "jobs", "list"), 1),
        (("helpdesk.cli", "migrate"), 1),
    ],
)
async def test_no_process_starts_on_a_schema_too_new(
    settings: Settings, owner: asyncpg.Connection, tmp_path: Path, process: tuple[str, ...], code: int
) -> None:
    await at(owner, "209901010000", serves_since="209901010000")
    environment = {"ATUM_DATABASE_URL": settings.database_url, "ATUM_DATA_DIR": str(tmp_path)}
    running = start(*process, log_file=tmp_path / "log", environment=environment)
    assert await asyncio.to_thread(running.process.wait, 60) == code
    [said] = running.log().splitlines()
    assert "(209901010000) is too new" in said
    assert "Install Atum Desk 9.9 or a later one" in said
    assert await owner.fetchval("SELECT count(*) FROM workers") == 0


async def test_a_worker_does_not_start_before_the_migration(
    settings: Settings, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await at(owner, "202611221530", serves_since="202611221530")
    environment = {"ATUM_DATABASE_URL": settings.database_url, "ATUM_DATA_DIR": str(tmp_path)}
    running = start("workers", "job", log_file=tmp_path / "log", environment=environment)
    assert await asyncio.to_thread(running.process.wait, 60) == 2
    assert "is older than this version needs" in running.log()
    assert "atum-desk migrate" in running.log()


async def test_migrate_leaves_a_newer_schema_that_still_serves_as_it_is(
    settings: Settings, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await at(owner, "209901010000", serves_since=REVISION)
    environment = {"ATUM_DATABASE_URL": settings.database_url, "ATUM_DATA_DIR": str(tmp_path)}
    running = start("helpdesk.cli", "migrate", log_file=tmp_path / "log", environment=environment)
    assert await asyncio.to_thread(running.process.wait, 60) == 0, running.log()
    assert "still serves it" in running.log()
    found = await state(owner)
    assert (found.current, found.note) == ("209901010000", SchemaNote(REVISION, "9.9"))
