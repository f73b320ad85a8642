"""Connections of one process: pooled sessions for the product, raw ones for the queue's hot path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from helpdesk.database.tenancy import Role, enter_scope
from helpdesk.errors import Unavailable
from helpdesk.settings import Settings

# A session that forgot its transaction would pin old row versions for everybody.
_SESSION_LIMITS = {"idle_in_transaction_session_timeout": "60s", "timezone": "UTC"}

_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

_CONNECT_ERRORS = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached."""


def connect_arguments(settings: Settings, *, application: str) -> dict[str, Any]:
    """Return what asyncpg needs to know beyond the URL."""
    arguments: dict[str, Any] = {"timeout": 10, "command_timeout": 60}
    named = {"application_name": f"atum-desk-{application}"}
    if settings.database_pgbouncer:
        # A pooler hands each transaction to another server connection, so nothing may be prepared or set on one. These
        # two settings are among the few that it carries from one to the next; others it refuses at the login.
        return arguments | {"statement_cache_size": 0, "server_settings": {"timezone": "UTC"} | named}
    return arguments | {"server_settings": _SESSION_LIMITS | named}


def pool_arguments(settings: Settings, *, application: str) -> dict[str, Any]:
    """Return what SQLAlchemy's driver adapter needs to know beyond the URL."""
    arguments = connect_arguments(settings, application=application)
    if settings.database_pgbouncer:
        # Unnamed statements: a name may be taken on the server connection, or stay behind on it for ever.
        return arguments | {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    return arguments


class Database:
    """One process's pool of connections and the transactions on them."""

    def __init__(self, settings: Settings, *, application: str) -> None:
        self.settings = settings
        self.application = application
        self.engine: AsyncEngine = create_async_engine(
            settings.sqlalchemy_url,
            pool_size=settings.database_pool_size,
            # Opened as they are needed and then kept: one that came and went would cost its login each time.
            max_overflow=0,
            connect_args=pool_arguments(settings, application=application),
            # An error's text is logged, and must not carry the values of a statement.
            hide_parameters=True,
        )
        event.listen(self.engine.sync_engine, "checkout", _replace_when_closed)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(
        self, organization_id: UUID | None, *, role: Role = "atum_app"
    ) -> AsyncIterator[AsyncSession]:
        """Open a transaction in an organisation's scope; commit at the end, roll back on an error."""
        async with self._sessions() as session, session.begin():
            await enter_scope(session, organization_id=organization_id, role=role)
            yield session

    @asynccontextmanager
    async def snapshot(self, organization_id: UUID) -> AsyncIterator[AsyncSession]:
        """Open a transaction that only reads, and whose statements all see the database of one instant."""
        async with self._sessions() as session, session.begin():
            # Before the first statement: afterwards PostgreSQL no longer takes a snapshot for the whole transaction.
            await session.connection(execution_options=_SNAPSHOT)
            await enter_scope(session, organization_id=organization_id)
            yield session

    async def connect_raw(self, *, role: Role) -> asyncpg.Connection:
        """Open a connection of its own that acts as a role, outside the pool.

        Raises:
            DatabaseUnavailable: after five tries.
        """
        return await connect_raw(self.settings, application=self.application, role=role)

    async def ping(self) -> None:
        """Run one statement, or raise what keeps it from running."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


def _replace_when_closed(connection: Any, _record: object, _checked_out: object) -> None:
    """Have the pool replace a connection that the server has closed.

    The driver hears of a restart or a termination by itself, so that no statement has to ask before each transaction.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


async def transaction_time(session: AsyncSession) -> datetime:
    """Return when the open transaction began, by the database's clock: hosts' clocks differ."""
    began: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return began


def driver_arguments(url: str) -> dict[str, Any]:
    """Split a database URL into the driver's keyword arguments.

    A socket folder given as `?host=` is kept, which the driver's own URL parser only takes when no host is named.
    """
    parts = make_url(url)
    query = dict(parts.query)
    known = {
        "host": query.pop("host", None) or parts.host,
        "port": parts.port,
        "user": parts.username,
        "password": parts.password,
        "database": parts.database,
        "ssl": query.pop("ssl", None) or query.pop("sslmode", None),
    }
    return {name: value for name, value in known.items() if value is not None}


@retry(
    retry=retry_if_exception_type(_CONNECT_ERRORS),
    stop=stop_after_attempt(5),
    wait=wait_exponential_jitter(multiplier=0.2, max=3),
    reraise=True,
)
async def _connect(settings: Settings, *, application: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        **driver_arguments(settings.sqlalchemy_url), **connect_arguments(settings, application=application)
    )


async def connect_raw(settings: Settings, *, application: str, role: Role | None) -> asyncpg.Connection:
    """Open one connection, acting as `role` (or as the login itself when None).

    Behind a pooler it acts as the login in any case, and each transaction has to take its role by itself.

    Raises:
        DatabaseUnavailable: when PostgreSQL does not answer after five tries.
    """
    try:
        connection = await _connect(settings, application=application)
    except _CONNECT_ERRORS as error:
        hint = " Is a pooler in between? Set ATUM_DATABASE_PGBOUNCER." if "startup parameter" in str(error) else ""
        raise DatabaseUnavailable(f"PostgreSQL does not answer: {error}.{hint}") from error
    if role is not None and not settings.database_pgbouncer:
        # What runs here are few statements, over and over, whose plans hold for any value: to plan a claim takes longer
        # than to run it, and PostgreSQL's estimates would have it planned each time.
        await connection.execute(f"SET ROLE {role}; SET plan_cache_mode = force_generic_plan")
    return connection
