"""There and back: what comes out of a backup is what went in."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from helpdesk.backup.archive import FilesInTheWay
from helpdesk.backup.manifest import DATABASE, FILES, MANIFEST, BackupDamaged
from helpdesk.backup.restore import DatabaseNotEmpty, ServerTooOld, restore_backup
from helpdesk.backup.verify import verify_backup
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database, connect_raw
from helpdesk.events.stream import STREAMED_TABLES
from helpdesk.models.accounts import Organization
from helpdesk.settings import Settings
from helpdesk.storage import Storage
from tests.database.attachments.files import a_ticket, attached, picture
from tests.database.backup.conftest import back_up
from tests.database.backup.filling import checksums, schema


async def test_every_row_of_every_table_comes_back_with_all_that_guards_it(
    settings: Settings, filled: asyncpg.Connection, empty_url: str
) -> None:
    # Of a day that has no partition of its own.
    await filled.execute(
        "INSERT INTO job_events (organization_id, job_id, event, created_at) "
        "VALUES (gen_random_uuid(), gen_random_uuid(), 'enqueued', '2031-05-06')"
    )
    before, schema_before = await checksums(filled), await schema(filled)
    partitions = [table for table in before if "job_events_" in table or "ai_runs_" in table]
    whole = {table: count for table, (count, _) in before.items() if table not in partitions}
    assert min(whole.values()) > 0, "a table without rows proves nothing"
    assert sum(before[table][0] > 0 for table in partitions) >= 3
    assert any("rag_embeddings_m" in table for table in whole)

    backup = await back_up(settings)
    assert backup.manifest.rows == {table: count for table, (count, _) in before.items()}
    await verify_backup(backup.path)
    target = settings.model_copy(update={"database_url": empty_url})
    await restore_backup(backup.path, settings=target, files_to=None)

    restored = await connect_raw(target, application="test", role="atum_owner")
    try:
        assert await checksums(restored) == before
        assert await schema(restored) == schema_before
    finally:
        await restored.close()


async def test_positions_in_streams_lie_in_the_past_of_the_server_restored_to(
    settings: Settings, filled: asyncpg.Connection, empty_url: str
) -> None:
    # Those of a server on which more has happened.
    for table in STREAMED_TABLES:
        await filled.execute(f"UPDATE {table} SET transaction_id = 10 ^ 15")
    backup = await back_up(settings)
    target = settings.model_copy(update={"database_url": empty_url})
    await restore_backup(backup.path, settings=target, files_to=None)
    restored = await connect_raw(target, application="test", role="atum_owner")
    try:
        for table in STREAMED_TABLES:
            assert await restored.fetchval(f"SELECT max(transaction_id) FROM {table}") == 0
    finally:
        await restored.close()


async def test_organisations_are_kept_apart_after_a_restore(
    settings: Settings, filled: asyncpg.Connection, empty_url: str
) -> None:
    backup = await back_up(settings)
    target = settings.model_copy(update={"database_url": empty_url})
    await restore_backup(backup.path, settings=target, files_to=None)

    async def seen(database: Database, organization: UUID | None) -> list[UUID]:
        async with database.transaction(organization) as session:
            rows = await session.execute(text("SELECT DISTINCT organization_id FROM contacts"))
            return list(rows.scalars())

    owners = [row[0] for row in await filled.fetch("SELECT DISTINCT organization_id FROM contacts")]
    restored = Database(target, application="test")
    try:
        assert await seen(restored, None) == []
        assert await seen(restored, owners[0]) == [owners[0]]
        # And the product goes on: rights, sequences and functions are there for the roles that use them.
        newcomer = new_id()
        async with restored.transaction(newcomer) as session:
            session.add(Organization(id=newcomer, slug="newcomer", name="Newcomer"))
        await a_ticket(restored, newcomer, target)
        async with restored.transaction(None, role="atum_worker") as session:
            await session.execute(text("SELECT make_partitions('job_events', 'day', 9)"))
    finally:
        await restored.close()


async def test_attachments_come_back_with_their_rows(
    settings: Settings, database: Database, organization_id: UUID, empty_url: str, tmp_path: Path
) -> None:
    storage = Storage(settings)
    ticket_id = await a_ticket(database, organization_id, settings)
    rows = [await attached(database, storage, organization_id, ticket_id, picture(n * 10, n)) for n in range(1, 4)]
    storage.path("attachments", organization_id, rows[2].storage_name).unlink()
    (storage.root / "attachments" / str(organization_id) / f".{os.urandom(4).hex()}.1.part").write_bytes(b"half")

    backup = await back_up(settings)
    assert (backup.manifest.files, backup.manifest.files_missing) == (2, 1)
    again = await back_up(settings)
    assert again.manifest.files == 2, "a backup does not hold the earlier ones"

    elsewhere = tmp_path / "elsewhere"
    target = settings.model_copy(update={"database_url": empty_url})
    await restore_backup(backup.path, settings=target, files_to=elsewhere)
    for row in rows[:2]:
        place = Path("attachments") / str(organization_id) / row.storage_name
        assert (elsewhere / place).read_bytes() == (storage.root / place).read_bytes()

    with pytest.raises(FilesInTheWay):
        await restore_backup(backup.path, settings=target, files_to=elsewhere)


async def test_a_database_that_holds_anything_is_refused(settings: Settings, empty_url: str) -> None:
    backup = await back_up(settings)
    with pytest.raises(DatabaseNotEmpty, match="empty one"):
        await restore_backup(backup.path, settings=settings, files_to=None)
    target = settings.model_copy(update={"database_url": empty_url})
    connection = await connect_raw(target, application="test", role=None)
    await connection.execute("CREATE TABLE mine (x int)")
    await connection.close()
    with pytest.raises(DatabaseNotEmpty, match=r"public\.mine"):
        await restore_backup(backup.path, settings=target, files_to=None)


async def test_a_restore_that_fails_leaves_nothing_behind(settings: Settings, empty_url: str) -> None:
    backup = await back_up(settings)
    target = settings.model_copy(update={"database_url": empty_url})
    newer = backup.manifest.model_copy(update={"server_version": 990000})
    (backup.path / MANIFEST).write_text(newer.model_dump_json())
    with pytest.raises(ServerTooOld):
        await restore_backup(backup.path, settings=target, files_to=None)
    connection = await connect_raw(target, application="test", role=None)
    try:
        assert (
            await connection.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == 0
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("damage", ["a flipped bit", "cut off", "a file is gone", "no manifest", "another's archive"])
async def test_a_damaged_backup_is_found_out(settings: Settings, filled: asyncpg.Connection, damage: str) -> None:
    backup = await back_up(settings)
    dump = backup.path / DATABASE
    content = bytearray(dump.read_bytes())
    match damage:
        case "a flipped bit":
            content[len(content) // 2] ^= 1
            dump.write_bytes(content)
        case "cut off":
            dump.write_bytes(content[:-100])
        case "a file is gone":
            dump.unlink()
        case "no manifest":
            (backup.path / MANIFEST).unlink()
        case _:
            (backup.path / FILES).write_bytes(b"x" * 10240)
    with pytest.raises(BackupDamaged):
        await verify_backup(backup.path)


async def test_rows_that_are_missing_from_a_dump_are_counted(settings: Settings, filled: asyncpg.Connection) -> None:
    """Checksums only say that a dump is what was written; the count says that all of it was written."""
    backup = await back_up(settings)
    rows = backup.manifest.rows | {"public.contacts": backup.manifest.rows["public.contacts"] + 1}
    (backup.path / MANIFEST).write_text(backup.manifest.model_copy(update={"rows": rows}).model_dump_json())
    with pytest.raises(BackupDamaged, match=r"public\.contacts has 3 rows instead of 4"):
        await verify_backup(backup.path)
