"""Making a backup: one at a time, in the worker's hands, and whatever dies in between."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import workers.handlers
from helpdesk.backup import tools
from helpdesk.backup.create import create_backup
from helpdesk.backup.manifest import backup_folder, list_backups
from helpdesk.backup.source import BackupRunning, NoWayPastPooler, RowsHidden, open_source
from helpdesk.backup.tools import ToolFailed, find_tools
from helpdesk.backup.verify import verify_backup
from helpdesk.database.engine import Database, connect_raw
from helpdesk.queue.catalog import BackUp
from helpdesk.queue.enqueue import enqueue
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY
from tests.database.backup.conftest import NOW, back_up
from tests.database.queue.jobs import link, until, until_event, working
from workers.registry import handlers

assert workers.handlers.back_up
PASSWORD = "correct-horse-battery"


@dataclass
class Gate:
    """Stands before pg_dump: it waits here until it is opened."""

    folder: Path

    async def reached(self) -> psutil.Process:
        """Return the process that will be pg_dump, with its arguments and its environment."""
        for _ in range(600):
            if (waiting := self.folder / "waiting").exists() and (pid := waiting.read_text().strip()):
                return psutil.Process(int(pid))
            await asyncio.sleep(0.05)
        raise AssertionError("no pg_dump was started")

    def open(self) -> None:
        (self.folder / "open").touch()


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    folder = tmp_path / "programs"
    folder.mkdir()
    real = find_tools(18).folder
    (folder / "pg_dump").write_text(
        f"#!/bin/sh\nif [ $# -gt 1 ]; then echo $$ > {folder}/waiting\n"
        f'while [ ! -e {folder}/open ]; do sleep 0.05; done; fi\nexec {real}/pg_dump "$@"\n'
    )
    (folder / "pg_restore").write_text(f'#!/bin/sh\nexec {real}/pg_restore "$@"\n')
    for name in ("pg_dump", "pg_restore"):
        (folder / name).chmod(0o755)
    monkeypatch.setenv("ATUM_PG_BIN", str(folder))
    return Gate(folder)


def left_in(settings: Settings) -> list[str]:
    return sorted(path.name for path in backup_folder(settings).iterdir())


async def test_the_newest_backups_are_kept_and_each_is_whole(settings: Settings) -> None:
    made = [await back_up(settings, keep=2, now=NOW + timedelta(days=day)) for day in range(3)]
    assert [backup.path for backup in list_backups(backup_folder(settings))] == [made[2].path, made[1].path]
    assert left_in(settings) == ["atum-desk-20261123T030000Z", "atum-desk-20261124T030000Z"]
    again = await back_up(settings, keep=2, now=NOW + timedelta(days=2))
    assert again.path.name == "atum-desk-20261124T030000Z-2"
    await verify_backup(made[2].path)
    for path in (made[2].path, *made[2].path.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_the_counts_are_of_the_moment_the_dump_is_of(
    settings: Settings, owner: asyncpg.Connection, gate: Gate
) -> None:
    """Rows that come while it is made are in neither."""
    making = asyncio.create_task(back_up(settings))
    await gate.reached()
    await owner.execute("INSERT INTO organizations (id, slug, name) VALUES (gen_random_uuid(), 'late', 'Late')")
    gate.open()
    backup = await making
    assert backup.manifest.rows["public.organizations"] == 0
    await verify_backup(backup.path)


async def test_one_backup_runs_at_a_time(settings: Settings) -> None:
    async with open_source(settings):
        with pytest.raises(BackupRunning):
            await back_up(settings)
    await back_up(settings)


async def test_a_table_whose_rows_would_be_missing_stops_the_backup(
    settings: Settings, owner: asyncpg.Connection
) -> None:
    await owner.execute("CREATE TABLE notes (organization_id uuid NOT NULL)")
    await owner.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY")
    await owner.execute("CREATE POLICY own ON notes TO atum_owner USING (organization_id IS NULL)")
    with pytest.raises(RowsHidden, match="notes"):
        await back_up(settings)
    await owner.execute("CREATE POLICY maintenance ON notes TO atum_owner USING (true)")
    await owner.execute("CREATE POLICY fence ON notes AS RESTRICTIVE TO atum_owner USING (false)")
    with pytest.raises(RowsHidden, match="notes"):
        await back_up(settings)
    await owner.execute("DROP POLICY fence ON notes")
    await back_up(settings)


async def test_the_password_is_on_no_command_line_and_in_no_error(
    settings: Settings, gate: Gate, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = settings.model_copy(
        update={"database_url": settings.database_url.replace("atum@", f"atum:{PASSWORD}@", 1)}
    )
    making = asyncio.create_task(back_up(secret))
    process = await gate.reached()
    assert PASSWORD not in " ".join(process.cmdline())
    assert process.environ()["PGPASSWORD"] == PASSWORD
    process.kill()
    with pytest.raises(ToolFailed) as failed:
        await making
    assert PASSWORD not in str(failed.value)
    assert PASSWORD not in "".join(capfd.readouterr())
    assert left_in(settings) == []


async def test_a_backup_that_is_cancelled_stops_pg_dump_and_leaves_nothing(settings: Settings, gate: Gate) -> None:
    making = asyncio.create_task(back_up(settings))
    process = await gate.reached()
    assert left_in(settings) == [".atum-desk-20261122T030000Z.part"]
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert not process.is_running()
    assert left_in(settings) == []
    gate.open()
    await back_up(settings)


async def test_what_a_killed_worker_left_is_ended_and_removed_by_the_next(
    settings: Settings, owner: asyncpg.Connection, gate: Gate
) -> None:
    environment = os.environ | {"ATUM_DATABASE_URL": settings.database_url, "ATUM_DATA_DIR": str(settings.data_dir)}
    command = subprocess.Popen(
        [sys.executable, "-m", "helpdesk.cli", "backup", "create"],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left = await gate.reached()
    gate.open()
    dumps = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'atum-desk-backup-dump'"
    for _ in range(5000):
        if await owner.fetchval(dumps):
            break
        await asyncio.sleep(0.002)
    # In the middle of its work, and there to stay.
    left.suspend()
    command.kill()
    command.wait()
    try:
        [unfinished] = left_in(settings)
        assert unfinished.endswith(".part")
        backup = await back_up(settings)
        assert await owner.fetchval(dumps) == 0
        assert left_in(settings) == [backup.path.name]
    finally:
        with suppress(psutil.NoSuchProcess):
            left.kill()


async def _drop_partitions(database: Database) -> None:
    async with database.transaction(None, role="atum_worker") as session:
        await session.execute(text("SELECT drop_partitions('job_events', '-30 days')"))


async def test_work_goes_on_while_a_backup_holds_its_locks(
    settings: Settings, database: Database, organization_id: UUID, owner: asyncpg.Connection
) -> None:
    """A dump holds every table for as long as it takes; nothing that waits for it may stand before the queue."""
    holder = await connect_raw(settings, application="test", role="atum_owner")
    reading = holder.transaction()
    await reading.start()
    await holder.execute("LOCK TABLE job_events, job_events_default, job_queue, ai_runs IN ACCESS SHARE MODE")
    dropping = asyncio.create_task(_drop_partitions(database))
    await asyncio.sleep(0.1)
    assert not dropping.done()
    async with asyncio.timeout(5), database.transaction(organization_id) as session:
        await enqueue(session, BackUp(), organization_id=organization_id)
    with pytest.raises(DBAPIError, match="lock timeout"):
        await dropping
    await reading.rollback()
    await holder.close()


async def test_a_worker_makes_the_backup_and_says_what_is_in_it(
    settings: Settings, database: Database, organization_id: UUID
) -> None:
    async with database.transaction(organization_id) as session:
        job = await enqueue(session, BackUp(), organization_id=organization_id)
    async with link(settings) as connection, working(settings, handlers, types=["BACK_UP"]):
        done = await until(connection, job, "completed", within_s=60)
    result = json.loads(done["result"])
    backup = await verify_backup(Path(result["path"]))
    assert result["rows"] == sum(backup.manifest.rows.values()) > 0
    assert (done["attempts"], done["limit_key"]) == (1, "type:BACK_UP")
    assert list_backups(backup_folder(settings)) == [backup]


async def test_a_second_backup_waits_without_a_try(
    settings: Settings, database: Database, organization_id: UUID
) -> None:
    async with database.transaction(organization_id) as session:
        job = await enqueue(session, BackUp(), organization_id=organization_id)
    async with link(settings) as connection, open_source(settings), working(settings, handlers, types=["BACK_UP"]):
        await until_event(connection, job, "snoozed", within_s=30)
        row = await connection.fetch("SELECT retry_count, attempts FROM job_queue WHERE id = $1", job)
    assert row[0]["retry_count"] == 0


async def test_without_pg_dump_the_job_ends_at_once_with_the_remedy(
    settings: Settings,
    database: Database,
    organization_id: UUID,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (old / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) 9.6.24'\n")
        (old / name).chmod(0o755)
    # The machine's own programs: what is found where is not of the product's making.
    monkeypatch.setattr(tools, "_folders", lambda: iter([old]))
    async with database.transaction(organization_id) as session:
        job = await enqueue(session, BackUp(), organization_id=organization_id)
    async with link(settings) as connection, working(settings, handlers, types=["BACK_UP"]):
        dead = await until(connection, job, "dead_letter", within_s=30)
    assert f"found: 9 in {old}" in dead["last_error"]
    assert "Install postgresql-client-" in dead["last_error"]
    assert dead["attempts"] == 1


def test_the_programs_found_are_as_new_as_the_server_and_no_newer_than_need_be() -> None:
    assert find_tools(9).major <= find_tools(18).major == 18


async def test_a_pooler_is_no_way_to_a_backup(settings: Settings) -> None:
    pooled = settings.model_copy(update={"database_pgbouncer": True})
    with pytest.raises(NoWayPastPooler):
        await back_up(pooled)
    direct = pooled.model_copy(update={"database_listen_url": settings.database_url})
    assert (await back_up(direct)).manifest.rows


async def test_progress_only_ever_rises(settings: Settings) -> None:
    told: list[float] = []

    async def progress(percent: float, _done: str) -> None:
        told.append(percent)

    await create_backup(settings, folder=backup_folder(settings), keep=None, now=NOW, progress=progress)
    assert told == sorted(told)
    assert told[-1] == 100
    assert len(told) > 20
