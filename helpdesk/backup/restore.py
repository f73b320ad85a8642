"""The way back: a backup into an empty database, all of it or nothing."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

import asyncpg

from helpdesk.backup.archive import check_free, unpack
from helpdesk.backup.isolation import check_isolation
from helpdesk.backup.manifest import DATABASE, FILES, Backup, read_backup
from helpdesk.backup.source import READER, count_rows, direct
from helpdesk.backup.tools import ToolFailed, Tools, environment, find_tools, run_tool
from helpdesk.backup.verify import check_bytes
from helpdesk.database.engine import connect_raw
from helpdesk.database.roles import prepare_database
from helpdesk.errors import Conflict, Invalid
from helpdesk.events.stream import SETTLE, STREAMED_TABLES
from helpdesk.settings import Settings

_LONGEST_S = 3600
# What anybody has made in the database; what belongs to an extension does not count.
_THERE = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
   AND n.nspname NOT LIKE 'pg\\_%'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1 LIMIT 5
"""
# What the preparation of a database makes, as only its owner may: the extension, and rights on the schema.
_PREPARED = re.compile(r"\d+; \d+ \d+ (EXTENSION - vector|COMMENT - EXTENSION vector|(SCHEMA|ACL|COMMENT) - .*public )")


class DatabaseNotEmpty(Conflict):
    """The database is not empty."""


class ServerTooOld(Invalid):
    """The server is older than the one the backup is of."""


class RestoreIncomplete(Conflict):
    """Not every row has come back."""


async def restore_backup(path: Path, *, settings: Settings, files_to: Path | None) -> Backup:
    """Restore a backup into the empty database of the settings, in one transaction, and count that all of it is there.

    Roles and the vector extension are made where they are missing and the login may make them. That one organisation
    cannot read another's rows is tried as well: it hangs on roles, which no dump holds.

    Args:
        path: the backup's folder.
        files_to: where the files go, each below the folder it had; None leaves them out.

    Raises:
        BackupDamaged, DatabaseNotEmpty, DatabaseNotPrepared, FilesInTheWay, FolderShut, ServerTooOld, ToolsMissing,
        ToolFailed:
            nothing is restored.
        RestoreIncomplete, NotIsolated: with the tables.
    """
    backup = await asyncio.to_thread(read_backup, path)
    await check_bytes(backup)
    if files_to is not None:
        await asyncio.to_thread(check_free, backup.path / FILES, files_to)
    tools = await asyncio.to_thread(find_tools, backup.manifest.tools_major)
    target = direct(settings)
    connection = await connect_raw(target, application="restore", role=None)
    try:
        await _check_target(connection, backup)
        await prepare_database(connection)
        await _load(backup, tools, target)
        await connection.execute(f"SET ROLE {READER}")
        for table in STREAMED_TABLES:
            await connection.execute(SETTLE.format(table=table), timeout=_LONGEST_S)
        # Without statistics, the first queries would be planned for empty tables.
        await connection.execute("ANALYZE", timeout=_LONGEST_S)
        await _check_rows(connection, backup)
        await check_isolation(connection)
    finally:
        await connection.close()
    if files_to is not None:
        await asyncio.to_thread(unpack, backup.path / FILES, files_to)
    return backup


async def _check_target(connection: asyncpg.Connection, backup: Backup) -> None:
    if there := [row[0] for row in await connection.fetch(_THERE)]:
        raise DatabaseNotEmpty(f"The database has {', '.join(there)} already; restore into an empty one.")
    server = int(await connection.fetchval("SHOW server_version_num"))
    if server // 10_000 < backup.manifest.server_version // 10_000:
        raise ServerTooOld(
            f"The backup is of PostgreSQL {backup.manifest.server_version // 10_000}, this server is "
            f"{server // 10_000}; restore into one that is as new."
        )


async def _load(backup: Backup, tools: Tools, settings: Settings) -> None:
    dump = str(backup.path / DATABASE)
    variables = environment(settings, application="atum-desk-restore")
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write(await asyncio.to_thread(_contents, tools, dump))
        chosen.flush()
        command = [
            tools.restore,
            "--exit-on-error",
            "--single-transaction",
            "--no-password",
            f"--role={READER}",
            f"--use-list={chosen.name}",
            f"--dbname={variables.get('PGDATABASE', '')}",
            dump,
        ]
        await run_tool(command, variables=variables)


def _contents(tools: Tools, dump: str) -> str:
    """Return the table of contents without what the preparation has made."""
    listed = subprocess.run([tools.restore, "--list", dump], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise ToolFailed(f"pg_restore cannot read {dump}: {listed.stderr.strip()[-500:]}")
    return "".join(line for line in listed.stdout.splitlines(keepends=True) if not _PREPARED.match(line))


async def _check_rows(connection: asyncpg.Connection, backup: Backup) -> None:
    rows = await count_rows(connection)
    wrong = [
        f"{table} has {rows.get(table, 0)} rows instead of {expected}"
        for table, expected in backup.manifest.rows.items()
        if rows.get(table) != expected
    ]
    if wrong:
        raise RestoreIncomplete(f"{'; '.join(wrong)}.")
