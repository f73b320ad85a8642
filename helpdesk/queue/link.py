"""A connection of its own that comes back by itself after PostgreSQL was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import asyncpg

from helpdesk.database.engine import DatabaseUnavailable, connect_raw
from helpdesk.database.tenancy import Role
from helpdesk.settings import Settings

# What a statement raises when the server, the network or the connection is gone; the work may be tried again.
CONNECTION_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    DatabaseUnavailable,
    asyncpg.InterfaceError,
    # "cannot switch to state ...": the server ended the connection in the middle of a statement.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # The server became a standby, or a proxy leads to one: a new connection finds the one that takes writes.
    asyncpg.ReadOnlySQLTransactionError,
)


# Cancellation, too: on a dead network the connection's next statement would wait until the server heard of it.
_BREAKING: tuple[type[BaseException], ...] = (*CONNECTION_ERRORS, asyncio.CancelledError)


class Runs(Protocol):
    """Runs a statement outside any transaction: a raw connection, or a link."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """Return the rows of one statement."""
        ...


class Transacts(Runs, Protocol):
    """Runs single statements, and several in one transaction: a link."""

    def transaction(self) -> AbstractAsyncContextManager[Runs]:
        """Open a transaction; what is yielded runs its statements."""
        ...


class Link:
    """One raw connection for one purpose; a statement at a time, and a new connection after a broken one.

    Args:
        role: whom the statements act as.
        on_connect: prepares each new connection, such as by listening on a channel.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        application: str,
        role: Role = "atum_worker",
        on_connect: Callable[[asyncpg.Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._settings = settings
        self._application = application
        self._role = role
        self._on_connect = on_connect
        self._pooled = settings.database_pgbouncer
        self._connection: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Return whether there is a connection, as far as this side knows."""
        return self._connection is not None and not self._connection.is_closed()

    async def fetch(self, query: str, *args: Any, within_s: float | None = None) -> list[asyncpg.Record]:
        """Run one statement and return its rows.

        Args:
            within_s: give the connection up when the answer takes longer.

        Raises:
            DatabaseUnavailable: when no connection can be made.
            TimeoutError: after `within_s`, or the connection's own limit.
            asyncpg.PostgresError: what the statement itself raises.
        """
        async with self._lock:
            connection = await self._connected()
            try:
                if not self._pooled:
                    return list(await connection.fetch(query, *args, timeout=within_s))
                # A statement is parsed and run in two steps, which a pooler gives to one server connection only inside
                # a transaction.
                async with asyncio.timeout(within_s), self._begun(connection):
                    return list(await connection.fetch(query, *args))
            except _BREAKING:
                self._drop()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Runs]:
        """Run several short statements in one transaction: committed at the end, rolled back on an error.

        Other statements of the link wait meanwhile. Each statement sees what is committed when it begins.

        Raises:
            DatabaseUnavailable, TimeoutError, asyncpg.PostgresError: as `fetch` does.
        """
        async with self._lock:
            connection = await self._connected()
            try:
                async with self._begun(connection):
                    yield connection
            except _BREAKING:
                self._drop()
                raise

    @asynccontextmanager
    async def _begun(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        """Be inside a transaction; a connection that breaks is left to be dropped, without another word to it."""
        await connection.execute(f"BEGIN; SET LOCAL ROLE {self._role}" if self._pooled else "BEGIN")
        try:
            yield
        except _BREAKING:
            raise
        except BaseException:
            await connection.execute("ROLLBACK")
            raise
        await connection.execute("COMMIT")

    async def close(self) -> None:
        """Close the connection, politely if the server still answers."""
        async with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                try:
                    await connection.close(timeout=2)
                except (*CONNECTION_ERRORS, asyncpg.PostgresError):
                    connection.terminate()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await connect_raw(self._settings, application=self._application, role=self._role)
            if self._on_connect is not None:
                await self._on_connect(connection)
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
