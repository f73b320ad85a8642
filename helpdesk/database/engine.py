"""Connections of one process: pooled sessions for the product, raw ones for the queue's hot path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import URL, event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from helpdesk.database.measured_pool import MeasuredPool
from helpdesk.database.positions import Positions
from helpdesk.database.replica import Reading, Replica
from helpdesk.database.servers import Servers, is_standby
from helpdesk.database.tenancy import Role, enter_scope
from helpdesk.errors import Unavailable
from helpdesk.settings import Settings

# A session that forgot its transaction would pin old row versions for everybody, and one whose host is gone, its
# connection and its locks.
_SESSION_LIMITS = {
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
}

_READ_ONLY: dict[str, object] = {"postgresql_readonly": True}
_SNAPSHOT: dict[str, object] = _READ_ONLY | {"isolation_level": "REPEATABLE READ"}

# What is committed is before it, whether or not it has left for a disk or a standby.
POSITION = text("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")

# A statement that writes met a server, or a transaction, that only reads.
READ_ONLY = "25006"

_CONNECT_ERRORS = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached."""


def connect_arguments(settings: Settings, *, application: str) -> dict[str, Any]:
    """Return what asyncpg needs to know beyond the URL."""
    arguments: dict[str, Any] = {"command_timeout": 60}
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


def open_pool(settings: Settings, *, application: str) -> AsyncEngine:
    """Return a pool of connections, none of them open yet, to the URL's server of the wanted kind."""
    url = make_url(settings.sqlalchemy_url)
    servers = Servers.of(settings.sqlalchemy_url)

    async def connect(**arguments: Any) -> asyncpg.Connection:
        # Some of them are the engine's own reading of the URL.
        return await servers.connect(**{name: arguments[name] for name in known if name in arguments})

    known = connect_arguments(settings, application=application)
    engine = create_async_engine(
        URL.create(url.drivername, username=url.username, database=url.database),
        poolclass=MeasuredPool,
        pool_logging_name=application,
        pool_size=settings.database_pool_size,
        # Opened as they are needed and then kept: one that came and went would cost its login each time.
        max_overflow=0,
        connect_args=pool_arguments(settings, application=application) | {"async_creator_fn": connect},
        # An error's text is logged, and must not carry the values of a statement.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _replace_when_closed)
    event.listen(engine.sync_engine, "handle_error", _leave_a_standby)
    return engine


class Database:
    """One process's pool of connections and the transactions on them."""

    def __init__(self, settings: Settings, *, application: str) -> None:
        self.settings = settings
        self.application = application
        self.engine = open_pool(settings, application=application)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self.positions = Positions(lag_s=settings.database_replica_lag_s)
        self.replica = None
        if settings.replica is not None:
            self.replica = Replica(open_pool(settings.replica, application=f"{application}-replica"))

    @asynccontextmanager
    async def transaction(
        self, organization_id: UUID | None, *, role: Role = "atum_app"
    ) -> AsyncIterator[AsyncSession]:
        """Open a transaction in an organisation's scope; commit at the end, roll back on an error."""
        async with self._sessions() as session, session.begin():
            await enter_scope(session, organization_id=organization_id, role=role)
            yield session

    @asynccontextmanager
    async def reading(self, organization_id: UUID, *, at_least: int = 0) -> AsyncIterator[Reading]:
        """Open a transaction that only reads, on a replica where one will do: see `Positions`.

        It shows what this process wrote for the organisation, and nothing on a replica is older than
        `database_replica_lag_s`.

        Args:
            at_least: a position in the primary's log that it must show as well.
        """
        async with AsyncExitStack() as stack:
            session = None
            if self.replica is not None:
                demanded = max(self.positions.demanded(organization_id), at_least)
                session = await self.replica.enter(stack, organization_id, demanded=demanded)
            if session is not None:
                yield Reading(session, "replica")
                return
            session = await stack.enter_async_context(self._sessions())
            await stack.enter_async_context(session.begin())
            await session.connection(execution_options=_READ_ONLY)
            await enter_scope(session, organization_id=organization_id)
            yield Reading(session, "primary")

    @asynccontextmanager
    async def snapshot(self, organization_id: UUID) -> AsyncIterator[AsyncSession]:
        """Open a transaction that only reads, and whose statements all see the database of one instant.

        On a replica where one has all that the primary has by now.
        """
        async with AsyncExitStack() as stack:
            session = None
            if self.replica is not None:
                demanded = await self._position()
                session = await self.replica.enter(stack, organization_id, demanded=demanded, at_once=_SNAPSHOT)
            if session is None:
                session = await stack.enter_async_context(self._sessions())
                await stack.enter_async_context(session.begin())
                # Before the first statement: afterwards PostgreSQL takes no snapshot for the whole transaction.
                await session.connection(execution_options=_SNAPSHOT)
                await enter_scope(session, organization_id=organization_id)
            yield session

    async def look_at_position(self, session: AsyncSession) -> None:
        """Note how far the primary's log is, where replicas are read from and it was not just looked at.

        Args:
            session: a transaction on the primary.
        """
        if self.replica is not None and self.positions.wants_look:
            asked_at = self.positions.now()
            self.positions.looked((await session.execute(POSITION)).scalar_one(), asked_at=asked_at)

    async def note_written(self, organization_id: UUID) -> int | None:
        """Note, after a commit, that replicas must show it to the organisation's next reader.

        Returns the position in the primary's log by which they do; None where there are no replicas, or the primary is
        gone, in which case they are not asked for a while.
        """
        if self.replica is None:
            return None
        try:
            position = await self._position()
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self.positions.lost_sight_of(organization_id)
            return None
        self.positions.wrote(organization_id, position)
        return position

    async def _position(self) -> int:
        async with self.engine.connect() as connection:
            # One statement without a transaction around it, which would be two more.
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            position: int = (await alone.execute(POSITION)).scalar_one()
        return position

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
        if self.replica is not None:
            await self.replica.close()


def _replace_when_closed(connection: Any, _record: object, _checked_out: object) -> None:
    """Have the pool replace a connection that the server has closed.

    The driver hears of a restart or a termination by itself, so that no statement has to ask before each transaction.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _leave_a_standby(context: ExceptionContext) -> None:
    """Have the pool make its connections anew where they lead to a server that no longer takes writes."""
    if getattr(context.original_exception, "sqlstate", None) != READ_ONLY or context.connection is None:
        return
    if is_standby(context.connection.connection.driver_connection):
        context.is_disconnect = True


async def transaction_time(session: AsyncSession) -> datetime:
    """Return when the open transaction began, by the database's clock: hosts' clocks differ."""
    began: datetime = (await session.execute(text("SELECT now()"))).scalar_one()
    return began


@retry(
    retry=retry_if_exception_type(_CONNECT_ERRORS),
    stop=stop_after_attempt(5),
    wait=wait_exponential_jitter(multiplier=0.2, max=3),
    reraise=True,
)
async def _connect(settings: Settings, *, application: str) -> asyncpg.Connection:
    return await Servers.of(settings.sqlalchemy_url).connect(**connect_arguments(settings, application=application))


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
