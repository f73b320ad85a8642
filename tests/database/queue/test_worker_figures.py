"""What a worker says of itself with each beat, and how it looks at PostgreSQL's connections before it starts."""

import asyncio
import json
import time
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import structlog

from helpdesk.database.base import new_id
from helpdesk.database.budget import Budget, ConnectionsExhausted, look_at_budget
from helpdesk.database.engine import Database
from helpdesk.queue.link import Link
from helpdesk.queue.outcomes import Done, Outcome, Snooze
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, until, until_event, working
from workers.context import WorkerContext
from workers.counters import Counters, LoopLag
from workers.fleet import FLEET

_WORKER = (
    "INSERT INTO workers (id, kind, host, pid, state, capacity, version) VALUES ($1, $2, 'h', 1, 'running', 1, '0')"
)


@pytest.fixture
def often(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_heartbeat_s": 0.2})


async def _stats(connection: Link) -> dict[str, Any]:
    return dict(json.loads((await connection.fetch("SELECT stats FROM workers"))[0]["stats"]))


async def test_each_beat_tells_counts_claim_times_and_lag(
    often: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    async def act(args: Echo, _context: WorkerContext) -> Outcome:
        if args.n == 1:
            raise LookupError
        return Snooze(60) if args.n == 2 else Done()

    behaviour.act = act
    async with working(often, behaviour.handlers):
        jobs = [await enqueue_echo(database, organization_id, n=n, max_retries=0) for n in range(3)]
        await until(connection, jobs[0], "completed")
        await until(connection, jobs[1], "dead_letter")
        await until_event(connection, jobs[2], "snoozed")
        await asyncio.sleep(0.6)
        stats = await _stats(connection)
    counts = {name: stats.pop(name) for name in Counters().as_dict()}
    assert counts == {
        "claimed": 3,
        "completed": 1,
        "retried": 0,
        "dead_lettered": 1,
        "cancelled": 0,
        "handed_back": 1,
        "stale": 0,
        "rescued": 0,
    }
    assert 0 < stats["claim_ms"]["p50"] <= stats["claim_ms"]["p95"]
    assert 0 <= stats["loop_lag_ms"] < 500
    assert stats["beat_age_s"] < 2
    assert stats["stuck"] == 0


async def test_a_blocked_loop_shows_while_it_is_blocked(
    often: Settings, database: Database, organization_id: UUID, connection: Link, behaviour: Behaviour
) -> None:
    async def act(_args: Echo, _context: WorkerContext) -> Outcome:
        time.sleep(2.0)  # noqa: ASYNC251 (on purpose)
        raw = await asyncpg.connect(host=host, user="atum", database=name)
        await raw.execute("SET ROLE atum_worker")
        told = await raw.fetchval("SELECT (stats ->> 'loop_lag_ms')::float8 FROM workers")
        await raw.close()
        return Done({"told": told})

    name, host = often.database_url.split("@/")[1].split("?host=")
    behaviour.act = act
    async with working(often, behaviour.handlers):
        job = await enqueue_echo(database, organization_id)
        result = json.loads((await until(connection, job, "completed"))["result"])
    # As of the last beat within the block: the loop itself could not tell.
    assert result["told"] > 1000


def test_lag_is_how_late_the_loop_comes_round() -> None:
    lag = LoopLag()
    lag.mark(next_in_s=10)
    assert lag.take_ms() == pytest.approx(0, abs=50)
    lag.mark(next_in_s=-0.5)
    assert lag.take_ms() == pytest.approx(500, abs=50)
    lag.mark(next_in_s=10)
    assert lag.take_ms() == pytest.approx(500, abs=50)
    assert lag.take_ms() == 0


def test_a_budget_is_refused_by_what_is_in_use_and_judged_by_what_may_be() -> None:
    assert Budget(allowed=97, in_use=20, spoken_for=60).left(6) == 31
    assert Budget(allowed=97, in_use=91, spoken_for=95).left(6) == -4
    with pytest.raises(ConnectionsExhausted, match=r"needs 6 connections, and of the 97 .* 92 are in use"):
        Budget(allowed=97, in_use=92, spoken_for=92).left(6)


async def test_live_workers_count_with_all_they_may_open(database: Database, connection: Link) -> None:
    before = await look_at_budget(connection, per_worker={"job": 6, "rag": 4})
    app = await database.connect_raw(role="atum_worker")
    for kind in ("job", "job", "rag"):
        await app.execute(_WORKER, new_id(), kind)
    await app.execute(_WORKER, gone := new_id(), "job")
    await app.execute("UPDATE workers SET last_seen = now() - interval '2 min' WHERE id = $1", gone)
    after = await look_at_budget(connection, per_worker={"job": 6, "rag": 4})
    await app.close()
    assert after.in_use - before.in_use == 1
    assert after.spoken_for - before.spoken_for == 1 + 16
    assert after.allowed == 197


async def test_a_worker_that_starts_where_connections_may_run_out_says_so(
    settings: Settings, database: Database, behaviour: Behaviour
) -> None:
    app = await database.connect_raw(role="atum_worker")
    for _ in range(40):
        await app.execute(_WORKER, new_id(), "job")
    await app.close()
    with structlog.testing.capture_logs() as logs:
        async with working(settings, behaviour.handlers):
            pass
    tight = [log for log in logs if log["event"] == "connection_budget_tight"]
    assert [(log["needs"], log["allowed"]) for log in tight] == [(FLEET["job"].connections, 197)]
    assert tight[0]["missing"] >= 40 * 6 + 6 - 197
