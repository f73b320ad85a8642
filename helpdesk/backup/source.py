"""The database at one moment: what pg_dump is to write, and what is counted to check it by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from helpdesk.database.engine import connect_raw
from helpdesk.errors import Conflict, Invalid
from helpdesk.settings import Settings

# It owns every table, and has a policy on each that lets it see all rows.
READER = "atum_owner"
DUMPER = "atum-desk-backup-dump"
# Any number will do as long as every version of the product uses the same one.
_BACKUP_LOCK = 7_201_735
_LONGEST_COUNT_S = 3600

# A worker that was killed leaves its pg_dump behind. Whoever has the lock knows that nobody waits for it.
_END_LEFT_DUMPS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = session_user AND application_name = $1
"""
# Row-level security hides rows without a word: without a policy that lets all of them through, a dump lacks some.
_HIDDEN = """
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relkind IN ('r', 'p') AND row_security_active(c.oid)
   AND (NOT EXISTS (SELECT FROM pg_policy p
                     WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
                       AND pg_get_expr(p.polqual, p.polrelid) = 'true'
                       AND p.polroles && ARRAY[0::oid, $1::regrole::oid])
        OR EXISTS (SELECT FROM pg_policy p
                    WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd IN ('*', 'r')
                      AND p.polroles && ARRAY[0::oid, $1::regrole::oid]))
 ORDER BY 1
"""
# Each table that has rows of its own, partitions one by one; an extension's tables are its own affair.
_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1
"""


class BackupRunning(Conflict):
    """Another backup of this database is under way."""


class NoWayPastPooler(Invalid):
    """A backup does not go through a pooler; set ATUM_DATABASE_LISTEN_URL to PostgreSQL itself."""


class RowsHidden(Invalid):
    """Rows of some tables would be missing from a backup."""


@dataclass(frozen=True)
class Source:
    """The database as one snapshot sees it.

    Attributes:
        snapshot: the name under which pg_dump finds it.
        server_version: such as 180006.
        rows: how many each table has.
    """

    connection: asyncpg.Connection
    snapshot: str
    server_version: int
    schema_revision: str
    rows: dict[str, int]

    @property
    def server_major(self) -> int:
        """Return the server's major version."""
        return self.server_version // 10_000

    async def release(self) -> None:
        """Let go of the snapshot, which keeps the server from cleaning up, but not of the lock."""
        await self.connection.execute("ROLLBACK")


def direct(settings: Settings) -> Settings:
    """Return settings that lead to PostgreSQL itself; raise NoWayPastPooler."""
    found = settings.direct
    if found is None:
        raise NoWayPastPooler
    return found


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator[Source]:
    """Take a snapshot of the database and the lock that lets one backup run at a time.

    Raises:
        BackupRunning: another process has the lock.
        NoWayPastPooler: the settings lead to a pooler alone.
        RowsHidden: with the tables.
    """
    connection = await connect_raw(direct(settings), application="backup", role=None)
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _BACKUP_LOCK):
            raise BackupRunning
        await connection.execute(_END_LEFT_DUMPS, DUMPER)
        await connection.execute(f"SET ROLE {READER}")
        await connection.execute("SET idle_in_transaction_session_timeout = 0")
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield await _look(connection)
    finally:
        await connection.close()


async def _look(connection: asyncpg.Connection) -> Source:
    if hidden := [row[0] for row in await connection.fetch(_HIDDEN, READER)]:
        raise RowsHidden(
            f"Row-level security hides rows of {', '.join(hidden)} from {READER}. Give each a policy for it: "
            f"CREATE POLICY maintenance ON … TO {READER} USING (true) WITH CHECK (true)."
        )
    return Source(
        connection=connection,
        snapshot=await connection.fetchval("SELECT pg_export_snapshot()"),
        server_version=int(await connection.fetchval("SHOW server_version_num")),
        schema_revision=await connection.fetchval("SELECT version_num FROM alembic_version") or "",
        rows=await count_rows(connection),
    )


async def count_rows(connection: asyncpg.Connection) -> dict[str, int]:
    """Return how many rows each table has, as the connection's role sees them; the larger ones take their time."""
    tables = [row[0] for row in await connection.fetch(_TABLES)]
    return {
        # Quoted by the server itself.
        table: await connection.fetchval(f"SELECT count(*) FROM ONLY {table}", timeout=_LONGEST_COUNT_S)  # noqa: S608
        for table in tables
    }
