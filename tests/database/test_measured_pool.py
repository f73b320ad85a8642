"""A pool says how many connections it has, how many are in use, and how long it lets one wait."""

from __future__ import annotations

import asyncio

from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.scraping import here

POOL = {"pool": "of-a-test"}


async def test_a_wait_for_a_connection_is_measured_and_the_connections_in_use_are_shown(settings: Settings) -> None:
    database, before = Database(settings.model_copy(update={"database_pool_size": 1}), application="of-a-test"), here()
    waits = "atum_database_pool_wait_seconds"

    async def second() -> None:
        async with database.transaction(None):
            pass

    try:
        async with database.transaction(None):
            assert here().of("atum_database_pool_connections", **POOL) == 1
            assert here().of("atum_database_pool_connections_in_use", **POOL) == 1
            waiting = asyncio.create_task(second())
            await asyncio.sleep(0.05)
            assert (here() - before).of(f"{waits}_count", **POOL) == 1
        await waiting
        moved = here() - before
        assert moved.of(f"{waits}_count", **POOL) == 2
        assert moved.of(f"{waits}_sum", **POOL) >= 0.05
        assert here().of("atum_database_pool_connections_in_use", **POOL) == 0
    finally:
        await database.close()
