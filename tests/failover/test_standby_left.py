"""Connections that have come to a server which takes no writes are given up."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from helpdesk.database.engine import Database
from helpdesk.database.replication import compare, standbys
from helpdesk.queue.link import CONNECTION_ERRORS, Link
from helpdesk.settings import Settings
from tests.failover.pair import Pair

WRITE = "DELETE FROM job_pauses"


async def test_a_write_that_meets_a_standby_drops_its_connection(pair: Pair) -> None:
    # As behind an address that moves, which leads to a server that is the primary no more.
    settings = Settings(database_url=pair.standby.url())
    database, link = Database(settings, application="test"), Link(settings, application="test")

    async def backend() -> int:
        async with database.engine.connect() as connection:
            return int(await connection.scalar(text("SELECT pg_backend_pid()")) or 0)

    before = await backend()
    with pytest.raises(DBAPIError) as of_the_pool:
        async with database.transaction(None, role="atum_worker") as session:
            await session.execute(text(WRITE))
    with pytest.raises(CONNECTION_ERRORS) as of_the_link:
        await link.fetch(WRITE)

    assert of_the_pool.value.connection_invalidated
    assert await backend() != before
    assert isinstance(of_the_link.value, asyncpg.ReadOnlySQLTransactionError)
    assert not link.is_open
    await database.close()
    await link.close()


async def test_a_read_that_tries_to_write_keeps_its_connection_to_the_primary(pair: Pair) -> None:
    database = Database(Settings(database_url=pair.url), application="test")

    with pytest.raises(DBAPIError) as refused:
        async with database.transaction(None, role="atum_worker") as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await session.execute(text(WRITE))

    assert not refused.value.connection_invalidated
    await database.close()


async def test_figures_of_replication_name_the_standby_and_how_far_it_is(pair: Pair) -> None:
    primary = Link(Settings(database_url=pair.url), application="test")
    replica = Link(Settings(database_url=pair.replica_url), application="test")

    [standby] = await standbys(primary)
    beside = await compare(primary, replica)
    itself = await compare(primary, primary)

    assert (standby.name, standby.state, standby.sync_state) == (pair.standby.home.name, "streaming", "sync")
    assert beside.same_cluster
    assert beside.standby
    assert beside.bytes_behind is not None
    assert (itself.standby, itself.bytes_behind) == (False, None)
    await primary.close()
    await replica.close()
