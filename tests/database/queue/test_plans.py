"""The plans of the hot statements do not depend on statistics, which on a queue are always wrong.

ATUM_TEST_ROWS sets how many rows that are not to be done now lie about; a million takes minutes.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue import settle, standing
from helpdesk.queue.claim import HEARTBEAT
from helpdesk.queue.claim_sql import (
    BY_DEADLINE,
    BY_TENANT,
    KEYS,
    LIMITED_BY_DEADLINE,
    LIMITED_BY_TENANT,
    NEXT_DUE,
)
from helpdesk.queue.rescue import RESCUE
from helpdesk.queue.retention import PRUNE
from helpdesk.queue.unknown import DEAD_LETTER_UNKNOWN

ROWS = int(os.environ.get("ATUM_TEST_ROWS", "60000"))
_TYPES = ["TEST_ECHO", *(f"TEST_ABSENT_{n}" for n in range(19))]
_TENANTS = 10

# Ids in the order of time, as the product makes them. $1 the type, $2 the status, $3 how many, $4 due in, $5 limit key
_FILL = """
    INSERT INTO job_queue (id, organization_id, job_type, status, priority, run_after, finished_at, limit_key)
    SELECT (lpad(to_hex(1e12::bigint + (SELECT count(*) FROM job_queue) + n), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           lpad(to_hex(1 + n % 10), 32, '0')::uuid, $1, $2, (ARRAY['high', 'normal', 'low'])[1 + n % 3],
           now() + $4::interval + n * interval '1 ms',
           CASE WHEN $2 <> 'pending' THEN now() - n * interval '1 s' END, $5
      FROM generate_series(1, $3::int) AS n
"""


async def _fill(
    raw: asyncpg.Connection,
    count: int,
    *,
    job_type: str = "TEST_ECHO",
    status: str = "pending",
    due: str = "-1 h",
    limit_key: str | None = None,
) -> None:
    await raw.execute(
        _FILL.replace("$4::interval", f"interval '{due}'").replace("$5", "$4"),
        job_type,
        status,
        count,
        limit_key,
        timeout=600,
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _plan(raw: asyncpg.Connection, sql: str, values: str) -> dict[str, Any]:
    """Run the statement as a prepared one with a generic plan, roll it back, and return what was done."""
    transaction = raw.transaction()
    await transaction.start()
    try:
        await raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await raw.execute(f"PREPARE guarded AS {sql}")
        said = await raw.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE guarded ({values})")
        await raw.execute("DEALLOCATE guarded")
    finally:
        await transaction.rollback()
    plan: dict[str, Any] = json.loads(said)[0]["Plan"]
    return plan


def _buffers(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"])


def _indexes(plan: dict[str, Any]) -> set[str]:
    """Return the queue's indexes that were read; a scan of the whole table counts as an index of that name."""
    read = [node for node in _nodes(plan) if node["Actual Loops"]]
    whole = {"whole table" for node in read if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "job_queue"}
    return whole | {node["Index Name"] for node in read if "job_queue" in node.get("Index Name", "")}


def _read_from(plan: dict[str, Any], index: str) -> tuple[float, int]:
    """Return how many rows were read through an index, and how many buffers that took."""
    nodes = [node for node in _nodes(plan) if node.get("Index Name") == index]
    rows = sum(node["Actual Rows"] * node["Actual Loops"] for node in nodes)
    return round(rows), sum(map(_buffers, nodes))


async def _fresh(raw: asyncpg.Connection, _database: Database) -> None:
    await _burst(raw)


async def _stale(raw: asyncpg.Connection, _database: Database) -> None:
    """Finished rows and statistics taken while nothing waited, then a burst."""
    await _fill(raw, ROWS // 2, status="completed")
    await _as_owner(raw, "ANALYZE job_queue")
    await _burst(raw)


async def _pinned(raw: asyncpg.Connection, _database: Database) -> None:
    """Many jobs came and went while an old snapshot keeps what they left in the indexes."""
    await _burst(raw)
    await raw.execute("UPDATE job_queue SET status = 'completed', finished_at = now() WHERE run_after < now()")
    await _as_owner(raw, "VACUUM ANALYZE job_queue")
    await _burst(raw)


async def _dead_letters(raw: asyncpg.Connection, _database: Database) -> None:
    await _fill(raw, ROWS, status="dead_letter")
    await _as_owner(raw, "VACUUM ANALYZE job_queue")
    await _burst(raw)


async def _delayed(raw: asyncpg.Connection, _database: Database) -> None:
    await _fill(raw, ROWS, due="1 day")
    await _fill(raw, ROWS // 10, due="1 day", limit_key="type:TEST_NARROW", job_type="TEST_NARROW")
    await _as_owner(raw, "VACUUM ANALYZE job_queue")
    await _burst(raw)


async def _burst(raw: asyncpg.Connection) -> None:
    await _fill(raw, 3000)
    await _fill(raw, 300, job_type="TEST_NARROW", limit_key="type:TEST_NARROW")


async def _as_owner(raw: asyncpg.Connection, statement: str) -> None:
    await raw.execute("SET ROLE atum_owner")
    await raw.execute(statement, timeout=600)
    await raw.execute("SET ROLE atum_worker")


STATES = pytest.mark.parametrize(
    "prepare",
    [_fresh, _stale, _pinned, _dead_letters, _delayed],
    ids=["fresh", "stale statistics", "old snapshot", "many dead letters", "many delayed jobs"],
)


@pytest.fixture
async def raw(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_raw(role="atum_worker")
    # The statistics stay as each state has left them.
    await _as_owner(connection, "ALTER TABLE job_queue SET (autovacuum_enabled = false)")
    yield connection
    await connection.close()


@pytest.fixture
async def old_snapshot(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[None]:
    """Hold a snapshot open for the state that is named after it."""
    other = await database.connect_raw(role="atum_worker")
    async with other.transaction(isolation="repeatable_read"):
        if request.node.callspec.id == "old snapshot":
            await other.fetch("SELECT 1 FROM job_queue LIMIT 1")
        yield
    await other.close()


def _served(count: int, *, types: list[str] | None = None, queue: str = "tests") -> str:
    named = types or [*_TYPES, "TEST_NARROW"]
    names = ", ".join(f"'{name}'" for name in named)
    # The last one is in a queue of its own.
    queues = ", ".join(f"'{name}'" for name in [*["tests"] * (len(named) - 1), queue])
    return f"{count}, '{new_id()}', ARRAY[{names}], ARRAY[{queues}], array_fill({count}, ARRAY[{len(named)}])"


@STATES
async def test_every_hot_statement_reads_its_own_index_whatever_the_statistics_say(
    raw: asyncpg.Connection, database: Database, old_snapshot: None, prepare: Any
) -> None:
    await prepare(raw, database)
    job, me, nobody = (
        await raw.fetchval("SELECT min(id::text) FROM job_queue WHERE status = 'pending'"),
        new_id(),
        UUID(int=0),
    )
    batch = f"ARRAY['{job}']::uuid[], '{{\"{job}\": 1}}', '{me}'"
    guarded = {
        "deadline": (BY_DEADLINE, _served(100), {"ix_job_queue_claim", "pk_job_queue"}),
        "tenant": (
            BY_TENANT,
            f"{_served(100)}, '{nobody}', 420",
            {"ix_job_queue_claim", "ix_job_queue_org", "pk_job_queue"},
        ),
        "limited, deadline": (
            LIMITED_BY_DEADLINE,
            f"{_served(10)}, 'type:TEST_NARROW', 3",
            {"ix_job_queue_limit", "uq_job_queue_limit_slot", "pk_job_queue"},
        ),
        "limited, tenant": (
            LIMITED_BY_TENANT,
            f"{_served(10)}, 'type:TEST_NARROW', 3, '{nobody}', 60",
            {"ix_job_queue_limit", "ix_job_queue_limit_org", "uq_job_queue_limit_slot", "pk_job_queue"},
        ),
        "keys": (
            KEYS,
            "ARRAY['TEST_NARROW'], ARRAY['tests'], '', 50",
            {"ix_job_queue_limit", "uq_job_queue_limit_slot"},
        ),
        "next due": (NEXT_DUE, "ARRAY['TEST_ECHO'], ARRAY['tests']", {"ix_job_queue_claim"}),
        "oldest ready": (
            standing._OLDEST,
            "ARRAY['TEST_ECHO']",
            {"ix_job_queue_claim", "ix_job_queue_limit"},
        ),
        "heartbeat": (HEARTBEAT, batch, {"pk_job_queue"}),
        "complete": (settle._COMPLETE, f"{batch}, '{{}}'", {"pk_job_queue"}),
        "prune": (PRUNE, "'1 min', ARRAY['completed'], 2000", {"ix_job_queue_finished_at", "pk_job_queue"}),
        "unknown": (
            DEAD_LETTER_UNKNOWN,
            "ARRAY['TEST_NARROW'], '1 min', 900",
            {"ix_job_queue_claim", "ix_job_queue_limit", "pk_job_queue"},
        ),
    }
    plans = {name: await _plan(raw, sql, values) for name, (sql, values, _) in guarded.items()}
    assert {name: _indexes(plan) - {"pk_job_queue"} for name, plan in plans.items()} == {
        name: expected - {"pk_job_queue"} for name, (_, _, expected) in guarded.items()
    }
    taken = {
        name: plans[name]["Actual Rows"] for name in ("deadline", "tenant", "limited, deadline", "limited, tenant")
    }
    assert taken == {"deadline": 100, "tenant": 100, "limited, deadline": 3, "limited, tenant": 3}
    rescue = await _plan(raw, RESCUE, "90, 120, 3, 5")
    # Either of the two holds the running jobs apart from all others.
    assert _indexes(rescue) - {"pk_job_queue"} in ({"ix_job_queue_locked_at"}, {"ix_job_queue_status"})
    assert not [node for node in _nodes(rescue) if node.get("Rows Removed by Filter")]


@pytest.mark.parametrize(
    ("status", "due"), [("dead_letter", "-1 h"), ("pending", "1 day")], ids=["dead letters", "delayed jobs"]
)
async def test_rows_that_are_not_to_be_done_now_cost_a_claim_next_to_nothing(
    raw: asyncpg.Connection, status: str, due: str
) -> None:
    await _fill(raw, 3000)
    values = _served(100)
    before = _buffers(await _plan(raw, BY_DEADLINE, values))
    await raw.execute("DELETE FROM job_queue")
    await _as_owner(raw, "VACUUM job_queue")
    await _fill(raw, ROWS, status=status, due=due)
    await _as_owner(raw, "VACUUM ANALYZE job_queue")
    await _fill(raw, 3000)
    assert _buffers(await _plan(raw, BY_DEADLINE, values)) <= 1.1 * before


async def test_a_hundred_thousand_jobs_that_are_not_taken_cost_other_claims_nothing(raw: asyncpg.Connection) -> None:
    # The tree is as high as it is going to be: what a level more costs is the table's size, not the crowd.
    await _fill(raw, 50_000, due="1 day")
    await _fill(raw, 3000)
    unserved = _served(100)
    before = await _plan(raw, BY_DEADLINE, unserved)
    await _fill(raw, 100_000, job_type="TEST_A_CROWD", due="-2 days")
    plans = [await _plan(raw, BY_DEADLINE, unserved)]
    paused = _served(100, types=[*_TYPES, "TEST_NARROW", "TEST_A_CROWD"], queue="crowded")
    for kind, name in (("type", "TEST_A_CROWD"), ("queue", "crowded")):
        await _as_owner(raw, f"DELETE FROM job_pauses; INSERT INTO job_pauses (kind, name) VALUES ('{kind}', '{name}')")
        plans.append(await _plan(raw, BY_DEADLINE, paused))
    assert [_read_from(plan, "ix_job_queue_claim") for plan in plans] == [_read_from(before, "ix_job_queue_claim")] * 3
