"""A worker is in the list of workers for as long as it lives, whatever becomes of its row."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.waiting import eventually
from workers.lifecycle import worker_process


async def test_a_worker_that_the_database_has_forgotten_registers_again(settings: Settings, database: Database) -> None:
    async def listed() -> list[object]:
        async with database.transaction(None, role="atum_worker") as session:
            return list((await session.scalars(text("SELECT id FROM workers"))).all())

    stopping = asyncio.Event()
    often = settings.model_copy(update={"lease_heartbeat_s": 0.1})
    async with worker_process(often, kind="sla", stopping=stopping) as process:
        assert await listed() == [process.id]
        # As a standby that was promoted before it heard of the worker; or after a long time cut off.
        async with database.transaction(None, role="atum_worker") as session:
            await session.execute(text("DELETE FROM workers"))

        async def is_back() -> bool:
            return await listed() == [process.id]

        await eventually(is_back)
        stopping.set()
    assert await listed() == []
