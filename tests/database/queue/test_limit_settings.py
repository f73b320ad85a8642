"""Limits that people set."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.queue import commands, queries
from helpdesk.queue.link import Link
from tests.database.queue.jobs import known
from tests.database.queue.test_limits import Narrow, Shared, add, take


@pytest.fixture(autouse=True)
def _types_are_known() -> Iterator[None]:
    with known(Narrow, Shared):
        yield


async def test_a_set_limit_stands_before_the_types_own_and_a_family_before_neither(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await add(database, organization_id, *(Narrow(n=n) for n in range(9)))

    async def limit(key: str, slots: int | None) -> int:
        async with database.transaction(organization_id) as session:
            if slots is None:
                assert await commands.clear_limit(session, limit_key=key)
            else:
                await commands.set_limit(session, limit_key=key, slots=slots, by="me")
        return len(await take(connection))

    assert await limit("type:*", 1) == 1
    assert await limit("type:TEST_NARROW", 3) == 2
    # Lowered: those that run go on, and none is added until enough have ended.
    assert await limit("type:TEST_NARROW", 2) == 0
    running = await connection.fetch("SELECT id FROM job_queue WHERE status = 'running' ORDER BY limit_slot")
    done = "UPDATE job_queue SET status = 'completed', locked_by = NULL, limit_slot = NULL WHERE id = $1"
    await connection.fetch(done, running[0]["id"])
    assert await take(connection) == []
    await connection.fetch(done, running[1]["id"])
    assert len(await take(connection)) == 1
    assert await limit("type:TEST_NARROW", 0) == 0
    assert await limit("type:TEST_NARROW", None) == 0
    assert await limit("type:*", None) == 1
    async with database.transaction(organization_id) as session:
        assert not await commands.clear_limit(session, limit_key="type:*")


async def test_the_list_of_limits_tells_what_applies_and_how_it_stands(
    database: Database, organization_id: UUID, connection: Link
) -> None:
    await add(database, organization_id, *(Narrow(n=n) for n in range(5)), Shared())
    await take(connection, 4)
    async with database.transaction(organization_id) as session:
        await commands.set_limit(session, limit_key="test-model", slots=7, by="me")
        await commands.set_limit(session, limit_key="unused", slots=1, by="me")
        found = await queries.list_limits(session)
    assert [(limit.limit_key, limit.slots, limit.running, limit.pending) for limit in found] == [
        ("test-model", 7, 1, 0),
        ("type:TEST_NARROW", 3, 3, 2),
        ("unused", 1, 0, 0),
    ]
