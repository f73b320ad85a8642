"""The way back, rehearsed: beside the database in use, and on a server that has never heard of the product."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from helpdesk.backup.drill import CannotDrill, drill
from helpdesk.backup.isolation import NotIsolated, check_isolation
from helpdesk.backup.manifest import DATABASE, BackupDamaged, backup_folder
from helpdesk.backup.restore import restore_backup
from helpdesk.database.embedded import EmbeddedPostgres
from helpdesk.database.engine import Database, connect_raw
from helpdesk.database.roles import ROLES
from helpdesk.database.schema_version import check
from helpdesk.events.stream import STREAMED_TABLES
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from tests.conftest import Server
from tests.database.attachments.files import a_ticket, attached
from tests.database.backup.conftest import back_up
from tests.database.backup.filling import checksums, fill_every_table, schema
from tests.database.backup.test_command import command


@pytest.fixture(scope="module")
def new_server() -> Iterator[str]:
    """Give the URL of an empty database on a server without any role of the product's, as its administrator."""
    home = Path(tempfile.mkdtemp(prefix="atum-new-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    home.chmod(0o755)
    postgres = EmbeddedPostgres(home, durable=False)
    # Says that it is prepared, so that it is not.
    (home / "prepared-2").touch()
    postgres.start()
    yield postgres.url("postgres", user="postgres")
    postgres.stop()


async def roles(settings: Settings) -> set[tuple[str, bool]]:
    connection = await connect_raw(settings, application="test", role=None)
    try:
        found = await connection.fetch("SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'atum%'")
    finally:
        await connection.close()
    return {(role["rolname"], role["rolcanlogin"]) for role in found}


async def databases(settings: Settings) -> set[str]:
    connection = await connect_raw(settings, application="test", role=None)
    try:
        return {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
    finally:
        await connection.close()


async def test_a_new_server_gets_roles_rows_files_and_walls_between_organisations(
    settings: Settings, database: Database, organization_id: UUID, owner: asyncpg.Connection, new_server: str
) -> None:
    ticket = await a_ticket(database, organization_id, settings)
    row = await attached(database, Storage(settings), organization_id, ticket, b"words")
    assert await fill_every_table(owner) == []
    backup = await back_up(settings)
    there = settings.model_copy(update={"database_url": new_server})
    files = settings.data_dir / "again"
    assert await roles(there) == set()

    await restore_backup(backup.path, settings=there, files_to=files)

    connection = await connect_raw(there, application="test", role="atum_owner")
    try:
        assert await roles(there) == {(role, False) for role in ROLES}
        assert (await check(connection)).verdict == "ok"
        # Positions in streams are made anew: those rows are counted, all others compared.
        made, was = await checksums(connection), await checksums(owner)
        assert {table: rows for table, (rows, _) in made.items()} == {table: rows for table, (rows, _) in was.items()}
        assert {table for table in was if made[table] != was[table]} <= {f"public.{table}" for table in STREAMED_TABLES}
        assert await schema(connection) == await schema(owner)
        assert await check_isolation(connection) > 40
        # What it tries is worth something: there are others' rows to be seen.
        await connection.execute("SET ROLE atum_app")
        async with connection.transaction():
            await connection.execute("SELECT set_config('atum.organization_id', $1, true)", str(organization_id))
            mine = await connection.fetchval("SELECT count(*) FROM tickets")
        await connection.execute("SET ROLE atum_owner")
        assert 0 < mine < await connection.fetchval("SELECT count(*) FROM tickets")
    finally:
        await connection.close()
    assert (files / "attachments" / str(organization_id) / row.storage_name).read_bytes() == b"words"


async def test_walls_with_a_hole_are_found(filled: asyncpg.Connection, settings: Settings) -> None:
    connection = await connect_raw(settings, application="test", role=None)
    try:
        tried = await check_isolation(connection)
        assert tried > 40
        await filled.execute("CREATE POLICY hole ON contacts FOR SELECT TO atum_app USING (true)")
        with pytest.raises(NotIsolated, match="contacts"):
            await check_isolation(connection)
        await filled.execute("DROP POLICY hole ON contacts; ALTER TABLE tickets DISABLE ROW LEVEL SECURITY")
        with pytest.raises(NotIsolated, match="tickets"):
            await check_isolation(connection)
    finally:
        await connection.close()


async def test_a_drill_leaves_nothing_behind(settings: Settings, filled: asyncpg.Connection) -> None:
    await back_up(settings)
    before = await databases(settings)
    done = command(settings, "drill", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] > 100
    assert found["schema_verdict"] == "ok"
    assert "comes back whole" in command(settings, "drill").stdout
    assert await databases(settings) == before


async def test_a_drill_of_a_damaged_backup_fails_and_leaves_nothing_behind(settings: Settings) -> None:
    backup = await back_up(settings)
    before = await databases(settings)
    dump = backup.path / DATABASE
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    with pytest.raises(BackupDamaged):
        await drill(backup.path, settings=settings)
    assert await databases(settings) == before
    assert "not what was written" in command(settings, "drill").stderr


def test_a_drill_without_a_backup_says_where_it_looked(settings: Settings) -> None:
    done = command(settings, "drill")
    assert done.returncode == 1
    assert str(backup_folder(settings)) in done.stderr


async def test_a_login_that_may_not_create_databases_is_told_what_to_ask_for(
    settings: Settings, server: Server
) -> None:
    backup = await back_up(settings)
    admin = await asyncpg.connect(host=str(server.postgres.socket_folder), user="postgres", database="postgres")
    await admin.execute("CREATE ROLE lowly LOGIN NOSUPERUSER NOCREATEDB")
    try:
        lowly = settings.model_copy(update={"database_url": settings.database_url.replace("//atum@", "//lowly@")})
        with pytest.raises(CannotDrill, match="ALTER ROLE lowly CREATEDB"):
            await drill(backup.path, settings=lowly)
    finally:
        await admin.execute("DROP ROLE lowly")
        await admin.close()


def test_backup_alone_makes_one_and_restore_is_a_command_of_its_own(settings: Settings, empty_url: str) -> None:
    made = command(settings)
    assert made.returncode == 0, made.stderr
    [backup] = backup_folder(settings).iterdir()
    assert made.stdout.startswith(str(backup))
    restored = command(settings, str(backup), "--database-url", empty_url, "--no-files", first="restore")
    assert restored.returncode == 0, restored.stderr
    assert "Organisations stay apart" in restored.stdout
