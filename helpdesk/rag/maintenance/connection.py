"""The one connection that maintains the index, of all organisations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from helpdesk.database.engine import connect_raw
from helpdesk.database.tenancy import Role
from helpdesk.errors import Conflict, Invalid
from helpdesk.settings import Settings

# It owns the tables, which is who may index them, and has a policy on each that lets it see all rows.
_OWNER: Role = "atum_owner"
# Any number will do as long as every version of the product uses the same one.
_LOCK = 7_201_736
# An index over millions of vectors takes an hour.
STATEMENT_S = 6 * 3600.0


class MaintenanceRunning(Conflict):
    """The index is being maintained by another run."""


class NoWayPastPooler(Invalid):
    """The index cannot be maintained through a pooler; set ATUM_DATABASE_LISTEN_URL to PostgreSQL itself."""


@asynccontextmanager
async def open_maintenance(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Give the connection that alone maintains the index; each of its statements is a transaction.

    Raises:
        MaintenanceRunning: another run has it. One whose process died has it until its statement ends.
        NoWayPastPooler: only a pooler can be reached.
    """
    if (direct := settings.direct) is None:
        raise NoWayPastPooler
    connection = await connect_raw(direct, application="index-maintenance", role=_OWNER)
    try:
        # Plans for these statements are made for their values: a graph index belongs to one organisation.
        await connection.execute("SET plan_cache_mode = force_custom_plan; SET statement_timeout = 0; SET jit = off")
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            raise MaintenanceRunning
        yield connection
    finally:
        await connection.close(timeout=5)
