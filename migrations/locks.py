"""Locks of a migration: one migrator at a time, and no statement that makes the whole desk wait for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from helpdesk.errors import Conflict

# Any number will do as long as every version of the product uses the same one.
MIGRATION_LOCK: Final = 7_201_733
# While a statement waits for its lock, all that come after it wait behind it: so it waits briefly, and often.
LOCK_TIMEOUT_S: Final = 2
# Seconds between two tries; several minutes in all, which outlasts a report or a vacuum of a large table.
_WAITS_S: Final = (1, 2, 4, 8, 15, 30, 30, 30, 60, 60)
_OTHER_MIGRATOR_S: Final = 1800
_LOOK_S: Final = 0.3

# Whom a back end waits for. Of strangers, a role without pg_read_all_stats sees little more than that.
_BLOCKERS = """
SELECT pid, coalesce(nullif(application_name, ''), backend_type) AS name, usename, state,
       round(extract(epoch FROM clock_timestamp() - xact_start))::int AS open_s
  FROM pg_stat_activity WHERE pid = ANY (pg_blocking_pids($1)) ORDER BY xact_start NULLS LAST LIMIT 3
"""
# An advisory lock with a key of 64 bits shows its halves.
_HOLDER = """
SELECT l.pid FROM pg_locks l
 WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = :key AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class MigrationBlocked(Conflict):
    """A migration did not get a lock that it needs."""


class OtherMigrator(Conflict):
    """Another migration of this database is under way."""


def say(sentence: str) -> None:
    """Tell whoever waits for the migration what it waits for."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


async def take_turn(connection: AsyncConnection, *, within_s: float = _OTHER_MIGRATOR_S) -> None:
    """Take the lock that lets one migrator run at a time, for as long as the connection lives.

    Raises:
        OtherMigrator: the one whose turn it is has not ended in time.
    """
    clock = asyncio.get_running_loop()
    until = clock.time() + within_s
    holder = None
    while not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}):
        said, holder = holder, await connection.scalar(text(_HOLDER), {"key": MIGRATION_LOCK})
        await connection.commit()
        if clock.time() > until:
            raise OtherMigrator(f"Another migration of this database, process {holder}, has not ended.")
        if holder != said:
            say(f"Another migration of this database is under way (process {holder}); waiting for it.")
        await asyncio.sleep(_LOOK_S)
    await connection.commit()


class Watcher:
    """Remembers whom a back end was last seen waiting for."""

    def __init__(self, connection: asyncpg.Connection, *, pid: int) -> None:
        self._connection = connection
        self._pid = pid
        self.seen: list[str] = []
        self.pid: int | None = None

    async def watch(self) -> None:
        """Look until cancelled."""
        while True:
            rows = await self._connection.fetch(_BLOCKERS, self._pid)
            if rows:
                self.seen = [_named(row) for row in rows]
                self.pid = rows[0]["pid"]
            await asyncio.sleep(_LOOK_S)


def _named(row: asyncpg.Record) -> str:
    since = "" if row["open_s"] is None else f", its transaction open for {row['open_s']} s"
    state = f", {row['state']}" if row["state"] else ""
    return f"process {row['pid']} ({row['name']}, user {row['usename']}{state}{since})"


@asynccontextmanager
async def watching(connection: asyncpg.Connection, *, pid: int) -> AsyncIterator[Watcher]:
    """Watch whom a back end waits for, from another connection."""
    watcher = Watcher(connection, pid=pid)
    task = asyncio.create_task(watcher.watch())
    try:
        yield watcher
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await task


def waits(tries: int) -> Sequence[float]:
    """Return how long to wait after each of so many tries but the last, in seconds."""
    return [_WAITS_S[min(number, len(_WAITS_S) - 1)] for number in range(tries - 1)]


def lock_missed(error: DBAPIError) -> bool:
    """Return whether a statement failed for a lock alone, so that it may be tried again."""
    cause = error.orig.__cause__ if error.orig else None
    return isinstance(cause, asyncpg.LockNotAvailableError | asyncpg.DeadlockDetectedError)


def blocked(watcher: Watcher, tries: int) -> MigrationBlocked:
    """Return the error that names who holds the lock."""
    holders = "; ".join(watcher.seen) or "a process that was gone before it could be named"
    return MigrationBlocked(
        f"The migration got no lock in {tries} tries, because of {holders}. Steps before it are kept. Wait until that "
        f"transaction ends, or end it with SELECT pg_terminate_backend({watcher.pid}), then migrate again."
    )
