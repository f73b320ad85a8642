"""Reading from streaming replicas, and never from one that has not replayed what the reader must see."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from helpdesk.database.tenancy import enter_scope
from helpdesk.observability.metrics.replica import READS

log = structlog.get_logger(__name__)

# A replica that does not let one in within this time is left alone for a while.
_PATIENCE_S = 1.0
_REST_S = 5.0
# How long somebody waits who needs a snapshot of the present, and how often they look.
_CATCH_UP_S = 0.5
_LOOK_S = 0.02

# Before the reader's statements: each of them sees at least what is replayed by now.
_STATE = text("""
    SELECT pg_is_in_recovery() AS standby, (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint AS position
""")
_AWAY = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

Server = Literal["primary", "replica"]


class NotAReplica(ConnectionError):
    """The server takes writes: it was promoted, and what led to a replica must lead elsewhere."""


@dataclass(frozen=True)
class Reading:
    """A transaction that only reads, and which server it is on."""

    session: AsyncSession
    server: Server


class Replica:
    """The pool of connections to the replicas."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._resting_until = 0.0

    async def enter(
        self, stack: AsyncExitStack, organization_id: UUID, *, demanded: int, at_once: dict[str, object] | None = None
    ) -> AsyncSession | None:
        """Open a transaction in an organisation's scope that ends with the stack; None where the primary must do.

        Args:
            demanded: the position in the primary's log that the replica must have replayed.
            at_once: a connection's options under which all statements see one instant; then it is worth a moment's wait
                that a replica catches up.
        """
        if time.monotonic() < self._resting_until:
            return self._refused("away")
        patience_s = _CATCH_UP_S if at_once else 0.0
        if self._resting_until:
            # After a rest one of them finds out, and the others need not wait with it.
            self._resting_until = time.monotonic() + _PATIENCE_S + patience_s
        tried = AsyncExitStack()
        try:
            async with asyncio.timeout(_PATIENCE_S + patience_s):
                connection = await tried.enter_async_context(self.engine.connect())
                reaches = await _reaches(connection, demanded, within_s=patience_s)
                self._resting_until = 0.0
                if not reaches:
                    await _give_up(tried)
                    return self._refused("behind")
                session = await _begin(tried, connection, organization_id, at_once or {})
        except _AWAY as error:
            await _give_up(tried)
            self._resting_until = time.monotonic() + _REST_S
            log.warning("replica_away", error=f"{type(error).__name__}: {error}", rest_s=_REST_S)
            return self._refused("away")
        except BaseException:
            await _give_up(tried)
            raise
        stack.push_async_exit(tried)
        READS.labels("replica", "").inc()
        return session

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    @staticmethod
    def _refused(reason: str) -> None:
        READS.labels("primary", reason).inc()


async def _begin(
    stack: AsyncExitStack, connection: AsyncConnection, organization_id: UUID, options: dict[str, object]
) -> AsyncSession:
    if options:
        await connection.execution_options(**options)
    session = await stack.enter_async_context(AsyncSession(connection, expire_on_commit=False))
    await stack.enter_async_context(session.begin())
    await enter_scope(session, organization_id=organization_id)
    return session


async def _reaches(connection: AsyncConnection, demanded: int, *, within_s: float) -> bool:
    """Return whether the connection's server has replayed a position, or has within a time.

    Raises:
        NotAReplica: it replays nothing.
    """
    deadline = time.monotonic() + within_s
    while True:
        standby, position = (await connection.execute(_STATE)).one()
        # Without a transaction, the next statement has a snapshot of its own.
        await connection.rollback()
        if not standby:
            await connection.invalidate()
            raise NotAReplica("it takes writes, and so is no replica")
        if position is not None and position >= demanded:
            return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_LOOK_S)


async def _give_up(stack: AsyncExitStack) -> None:
    with suppress(*_AWAY):
        await stack.__aexit__(*sys.exc_info())
