"""A replica that is of no use is left alone for a while, so that readers do not all wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import event

from helpdesk.database import replica
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.scraping import here


@pytest.fixture
async def misled(settings: Settings) -> AsyncIterator[Database]:
    """Give pools of which the replica's leads to the primary, as after a promotion."""
    database = Database(settings.model_copy(update={"database_replica_url": settings.database_url}), application="test")
    yield database
    await database.close()


async def server_of(database: Database, organization_id: UUID) -> str:
    async with database.reading(organization_id) as reading:
        return reading.server


async def test_a_server_that_takes_writes_is_not_logged_into_for_each_read(
    misled: Database, organization_id: UUID
) -> None:
    logins: list[object] = []
    assert misled.replica is not None
    event.listen(misled.replica.engine.sync_engine, "connect", lambda *_: logins.append(None))
    before = here()
    assert {await server_of(misled, organization_id) for _ in range(3)} == {"primary"}
    assert (here() - before).by("atum_database_reads_total", "server", "reason") == {("primary", "away"): 3}
    assert len(logins) == 1


async def test_after_a_rest_one_reader_finds_out_and_the_others_do_not_wait(
    misled: Database, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def hang(*_: object, **__: object) -> bool:
        asked.set()
        await answered.wait()
        return True

    await server_of(misled, organization_id)
    assert misled.replica is not None
    monkeypatch.setattr(misled.replica, "_resting_until", 1e-9)
    monkeypatch.setattr(replica, "_reaches", hang)
    monkeypatch.setattr(replica, "_PATIENCE_S", 30)
    first = asyncio.create_task(server_of(misled, organization_id))
    await asked.wait()
    assert await server_of(misled, organization_id) == "primary"
    answered.set()
    assert await first == "replica"
    assert await server_of(misled, organization_id) == "replica"
