"""The plans of the hot statements do not depend on statistics, which on a queue are always wrong."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.queue import settle
from helpdesk.queue.claim import CLAIM, CLAIM_TYPES
from helpdesk.queue.rescue import RESCUE
from helpdesk.queue.retention import PRUNE

_FILL = """
    INSERT INTO job_queue (id, organization_id, job_type, status, priority, run_after, finished_at)
    SELECT gen_random_uuid(), $1, 'TEST_ECHO', $2, (ARRAY['high', 'normal', 'low'])[1 + n % 3],
           now() - n * interval '1 ms', CASE WHEN $2 = 'completed' THEN now() - n * interval '1 min' END
      FROM generate_series(1, $3::int) AS n
"""


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


async def _plan(raw: asyncpg.Connection, sql: str, values: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run the statement as a prepared one with a generic plan, roll it back, and return what was done."""
    types = "(int, uuid, text[])" if "$3::text[]" in sql else ""
    transaction = raw.transaction()
    await transaction.start()
    try:
        await raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await raw.execute(f"PREPARE guarded {types} AS {sql}")
        said = await raw.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE guarded {values}")
    finally:
        await raw.execute("DEALLOCATE ALL")
        await transaction.rollback()
    whole = json.loads(said)[0]
    return whole, list(_nodes(whole["Plan"]))


def _indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the queue's indexes that were read; a scan of the whole table counts as an index of that name."""
    whole = {"whole table" for node in nodes if node["Node Type"] == "Seq Scan"}
    return whole | {node["Index Name"] for node in nodes if "job_queue" in node.get("Index Name", "")}


async def _fresh(raw: asyncpg.Connection, organization_id: UUID) -> None:
    await raw.execute("SET ROLE atum_worker")
    await raw.execute(_FILL, organization_id, "pending", 3000)


async def _stale(raw: asyncpg.Connection, organization_id: UUID) -> None:
    """Finished rows and statistics taken while nothing waited, then a burst."""
    await raw.execute(_FILL, organization_id, "completed", 40_000)
    await raw.execute("SET ROLE atum_owner")
    await raw.execute("ANALYZE job_queue")
    await raw.execute("SET ROLE atum_worker")
    await raw.execute(_FILL, organization_id, "pending", 3000)


STATES = pytest.mark.parametrize("prepare", [_fresh, _stale], ids=["fresh", "stale statistics"])


@pytest.fixture
async def raw(database: Database) -> Any:
    connection = await database.connect_raw(role="atum_worker")
    yield connection
    await connection.close()


@STATES
@pytest.mark.parametrize("types", [False, True], ids=["all types", "some types"])
async def test_a_claim_reads_the_claim_index_and_takes_rows_by_primary_key(
    raw: asyncpg.Connection, organization_id: UUID, prepare: Any, types: bool
) -> None:
    await prepare(raw, organization_id)
    sql = CLAIM_TYPES if types else CLAIM
    values = f"(100, '{new_id()}'" + (", ARRAY['TEST_ECHO'])" if types else ")")
    whole, nodes = await _plan(raw, sql, values)
    assert _indexes(nodes) == {"ix_job_queue_claim", "pk_job_queue"}
    claimed = [node["Actual Rows"] for node in nodes if node.get("Index Name") == "ix_job_queue_claim"]
    assert claimed == [100]
    assert whole["Plan"]["Actual Rows"] == 100


@STATES
async def test_a_completion_finds_its_rows_by_primary_key(
    raw: asyncpg.Connection, organization_id: UUID, prepare: Any
) -> None:
    await prepare(raw, organization_id)
    job = await raw.fetchval("SELECT id FROM job_queue WHERE status = 'pending' LIMIT 1")
    values = f"""(ARRAY['{job}']::uuid[], '{{"{job}": 1}}', '{new_id()}', '{{}}')"""
    _, nodes = await _plan(raw, settle._COMPLETE, values)
    assert _indexes(nodes) == {"pk_job_queue"}


@STATES
async def test_a_rescue_reads_only_running_jobs(raw: asyncpg.Connection, organization_id: UUID, prepare: Any) -> None:
    await prepare(raw, organization_id)
    _, nodes = await _plan(raw, RESCUE, "(90, 120, 3, 5)")
    # Either of the two holds the running jobs apart from all others.
    assert _indexes(nodes) in (
        {"ix_job_queue_locked_at", "pk_job_queue"},
        {"ix_job_queue_status", "pk_job_queue"},
    )
    assert not [node for node in nodes if node.get("Rows Removed by Filter")]


@STATES
async def test_pruning_reads_finished_jobs_from_the_oldest(
    raw: asyncpg.Connection, organization_id: UUID, prepare: Any
) -> None:
    await prepare(raw, organization_id)
    _, nodes = await _plan(raw, PRUNE, "('7 days', ARRAY['completed'], 2000)")
    assert _indexes(nodes) == {"ix_job_queue_finished_at", "pk_job_queue"}
