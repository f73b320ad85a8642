"""Know that somebody waits for a lock of the database."""

from __future__ import annotations

from sqlalchemy import text

from helpdesk.database.engine import Database
from tests.waiting import eventually

_WAITING = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")


async def until_waiting(database: Database) -> None:
    """Return once somebody waits for a lock."""

    async def waits() -> bool:
        async with database.transaction(None) as session:
            return bool(await session.scalar(_WAITING))

    await eventually(waits, every_s=0.02)
