"""Connections of one process: pooled sessions for the product, raw ones for the queue's hot path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from helpdesk.database.tenancy import Role, enter_scope
from helpdesk.errors import Unavailable
from helpdesk.settings import Settings

# A session that forgot its transaction would pin old row versions for everybody.
_SESSION_LIMITS = {"idle_in_transaction_session_timeout": "60s", "timezone": "UTC"}

_CONNECT_ERRORS = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached."""


def connect_arguments(settings: Settings, *, application: str) -> dict[str, Any]:
    """Return what asyncpg needs to know beyond the URL."""
    arguments: dict[str, Any] = {"timeout": 10, "command_timeout": 60}
    if settings.database_pgbouncer:
        # A pooler hands each transaction to another server connection: nothing may be prepared or set on one.
        return arguments | {"statement_cache_size": 0}
    return arguments | {"server_settings": _SESSION_LIMITS | {"application_name": f"atum-desk-{application}"}}


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
            pool_pre_ping=True,
            connect_args=connect_arguments(settings, application=application),
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(
        self, organization_id: UUID | None, *, role: Role = "atum_app"
    ) -> AsyncIterator[AsyncSession]:
        """Open a transaction in an organisation's scope; commit at the end, roll back on an error."""
        async with self._sessions() as session, session.begin():
            await enter_scope(session, organization_id=organization_id, role=role)
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

    Raises:
        DatabaseUnavailable: when PostgreSQL does not answer after five tries.
    """
    try:
        connection = await _connect(settings, application=application)
    except _CONNECT_ERRORS as error:
        raise DatabaseUnavailable(f"PostgreSQL does not answer: {error}") from error
    if role is not None:
        await connection.execute(f"SET ROLE {role}")
    return connection
