"""What a tick looks for is read from an index, whatever the statistics say of the clocks."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.sla.clocks import ticking

CLOCKS = int(os.environ.get("ATUM_TEST_ROWS", "60000"))

_TICKETS = """
    INSERT INTO tickets (id, organization_id, number, subject)
    SELECT lpad(to_hex(n), 32, '0')::uuid, $1, n, 'VPN' FROM generate_series(1, $2::int) AS n
"""
# $1 organisation, $2 which tickets, $3 how long until the threshold, NULL for none
_CLOCKS = """
    INSERT INTO sla_clocks (id, organization_id, ticket_id, metric, start_at, target_s, state, next_threshold_at)
    SELECT gen_random_uuid(), $1, id, $2, now() - interval '1 day', 3600, 'running',
           now() + $3::interval + number * interval '1 ms'
      FROM tickets WHERE number >= $4 AND number < $5
"""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _plan(raw: asyncpg.Connection, statement: Any, *, role: str, **values: str) -> dict[str, Any]:
    """Run a statement with a generic plan, roll it back, and return what was done."""
    sql = str(statement)
    for place, name in enumerate(values, 1):
        sql = sql.replace(f":{name}", f"${place}")
    transaction = raw.transaction()
    await transaction.start()
    try:
        await raw.execute(f"SET LOCAL ROLE {role}; SET LOCAL plan_cache_mode = force_generic_plan")
        await raw.execute(f"SET LOCAL atum.organization_id = '{ORGANIZATION}'")
        await raw.execute(f"PREPARE guarded AS {sql}")
        said = await raw.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE guarded ({', '.join(values.values())})"
        )
        await raw.execute("DEALLOCATE guarded")
    finally:
        await transaction.rollback()
    plan: dict[str, Any] = json.loads(said)[0]["Plan"]
    return plan


ORGANIZATION = new_id()


@pytest.fixture
async def raw(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_raw(role="atum_owner")
    await connection.execute("ALTER TABLE sla_clocks SET (autovacuum_enabled = false)")
    await connection.execute("INSERT INTO organizations (id, slug, name) VALUES ($1, 'plans', 'Plans')", ORGANIZATION)
    await connection.execute(_TICKETS, ORGANIZATION, CLOCKS, timeout=600)
    yield connection
    await connection.close()


async def _fill(raw: asyncpg.Connection, metric: str, due_in: str | None, first: int, last: int) -> None:
    sql = _CLOCKS.replace("$3::interval", f"interval '{due_in}'" if due_in else "NULL::interval")
    sql = sql.replace("$4", "$3").replace("$5", "$4")
    await raw.execute(sql, ORGANIZATION, metric, first, last, timeout=600)


async def _fresh(raw: asyncpg.Connection) -> None:
    """No statistics at all."""
    await _fill(raw, "resolution", "1 day", 1, CLOCKS)


async def _good(raw: asyncpg.Connection) -> None:
    await _fill(raw, "resolution", "1 day", 1, CLOCKS)
    await raw.execute("VACUUM ANALYZE sla_clocks", timeout=600)


async def _ended(raw: asyncpg.Connection) -> None:
    """Statistics of a time when no clock ran."""
    await _fill(raw, "first_response", None, 1, CLOCKS)
    await raw.execute("VACUUM ANALYZE sla_clocks", timeout=600)
    await _fill(raw, "resolution", "1 day", 1, CLOCKS)


@pytest.mark.parametrize("prepare", [_fresh, _good, _ended], ids=["no statistics", "statistics", "stale statistics"])
async def test_what_is_due_is_a_range_of_its_index(raw: asyncpg.Connection, prepare: Any) -> None:
    await prepare(raw)
    await _fill(raw, "next_response", "-1 h", 1, 301)
    plan = await _plan(raw, ticking._DUE, role="atum_worker", now="now()", limit="20000")
    read = [node for node in _nodes(plan) if "Index Name" in node or node["Node Type"] == "Seq Scan"]
    # Without statistics as a bitmap, which reads the same range.
    assert {node.get("Index Name") for node in read} == {"ix_sla_clocks_next_threshold_at"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in read) == 300
    assert _buffers(plan) < 700


async def test_clocks_that_are_not_due_cost_a_tick_nothing(raw: asyncpg.Connection) -> None:
    await _fill(raw, "resolution", "1 day", 1, CLOCKS // 10)
    await _fill(raw, "next_response", "-1 h", 1, 301)
    await raw.execute("VACUUM ANALYZE sla_clocks", timeout=600)
    values = {"now": "now()", "limit": "20000"}
    before = _buffers(await _plan(raw, ticking._DUE, role="atum_worker", **values))
    await _fill(raw, "resolution", "1 day", CLOCKS // 10, CLOCKS)
    await raw.execute("VACUUM ANALYZE sla_clocks", timeout=600)
    # A level more of the tree is what the table's size costs.
    assert _buffers(await _plan(raw, ticking._DUE, role="atum_worker", **values)) <= before + 1


async def test_a_chunk_looks_at_its_own_tickets_and_their_clocks_only(raw: asyncpg.Connection) -> None:
    await _good(raw)
    await _fill(raw, "next_response", "-1 h", 1, 301)
    ids = ",".join(f"'{UUID(int=number)}'" for number in range(1, 101))
    plan = await _plan(
        raw,
        ticking._LOCK,
        role="atum_app",
        organization_id=f"'{ORGANIZATION}'",
        ids=f"ARRAY[{ids}]::uuid[]",
        now="now()",
    )
    assert plan["Actual Rows"] == 100
    assert not [node for node in _nodes(plan) if node["Node Type"] == "Seq Scan"]


def _buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])
