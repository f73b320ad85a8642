"""What is wrong with workers, queue, index and promises is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from helpdesk.database.base import new_id
from helpdesk.doctor.finding import Finding
from helpdesk.queue.cron import cron_of
from helpdesk.queue.schedule import SCHEDULE
from tests.database.doctor.conftest import Examine

_WORKER = """
INSERT INTO workers (id, kind, host, pid, state, capacity, types, version, stats)
VALUES ($1, $2, 'here', 4711, 'running', 10, $3, $4, $5::jsonb)
"""
_JOB = """
INSERT INTO job_queue (id, organization_id, job_type, status, run_after, locked_by, locked_at, started_at, finished_at,
                       last_error, limit_key)
SELECT $1, gen_random_uuid(), $2, $3, now() - make_interval(secs => $4::float8),
       CASE WHEN $3 = 'running' THEN gen_random_uuid() END,
       CASE WHEN $3 = 'running' THEN now() - make_interval(secs => $4::float8) END, now(),
       CASE WHEN $3 = 'dead_letter' THEN now() - make_interval(secs => $4::float8) END, $5, $6
"""


@pytest.fixture
def add_worker(superuser: asyncpg.Connection) -> Callable[..., Any]:
    async def add(kind: str, *, types: tuple[str, ...] = (), version: str = "0", stats: str = "{}") -> None:
        await superuser.execute(_WORKER, new_id(), kind, list(types), version, stats)

    return add


@pytest.fixture
def add_job(superuser: asyncpg.Connection) -> Callable[..., Any]:
    async def add(
        job_type: str, status: str = "pending", *, age_s: float = 1, error: str | None = None, key: str | None = None
    ) -> UUID:
        job = new_id()
        await superuser.execute(_JOB, job, job_type, status, age_s, error, key)
        return job

    return add


def said(found: list[Finding]) -> list[tuple[str, str]]:
    return [(each.state, each.says) for each in found]


async def test_a_kind_without_a_living_worker_is_an_error(
    examine: Examine, superuser: asyncpg.Connection, add_worker: Callable[..., Any]
) -> None:
    assert [each.figures["kind"] for each in await examine("workers.alive")] == ["job", "rag", "sla"]
    for kind in ("job", "rag", "sla"):
        await add_worker(kind)
    assert [each.state for each in await examine("workers.alive")] == ["ok"]
    await superuser.execute("UPDATE workers SET last_seen = now() - interval '2 minutes' WHERE kind = 'rag'")
    [found] = await examine("workers.alive")
    assert (found.state, found.figures["kind"]) == ("error", "rag")
    assert "systemctl start atum-desk-rag-worker" in found.remedy


async def test_workers_of_another_version_and_workers_that_hang_are_warnings(
    examine: Examine, add_worker: Callable[..., Any]
) -> None:
    await add_worker("job", version="0.0.1-old", stats='{"stuck": 2, "loop_lag_ms": 2500, "models": {"a": 1}}')
    [version] = await examine("workers.versions")
    assert (version.state, "0.0.1-old on here" in version.says) == ("warning", True)
    assert [each.figures for each in await examine("workers.health")] == [{"stuck": 2}, {"loop_lag_ms": 2500}]


async def test_a_job_type_that_nobody_takes_is_an_error_unless_it_is_paused(
    examine: Examine, superuser: asyncpg.Connection, add_worker: Callable[..., Any], add_job: Callable[..., Any]
) -> None:
    await add_job("SEND_EMAIL")
    [found] = await examine("queue.served")
    assert (found.state, "Start a job worker" in found.remedy) == ("error", True)
    await add_worker("job", types=("CLEAN_UP",))
    [found] = await examine("queue.served")
    assert (found.figures["types"], "ATUM_WORKER_QUEUES" in found.remedy) == (["SEND_EMAIL"], True)
    await add_job("OF_A_PLUGIN")
    [found] = await examine("queue.served")
    assert "ATUM_PLUGINS" in found.remedy

    await superuser.execute("INSERT INTO job_pauses (kind, name, reason) VALUES ('type', 'SEND_EMAIL', 'a move')")
    await superuser.execute("DELETE FROM job_queue WHERE job_type = 'OF_A_PLUGIN'")
    assert [each.state for each in await examine("queue.served")] == ["ok"]
    [paused] = await examine("queue.pauses")
    assert (paused.state, paused.says.endswith(": a move.")) == ("warning", True)
    assert "atum-desk jobs resume SEND_EMAIL" in paused.remedy


async def test_jobs_that_wait_for_long_are_a_warning_then_an_error(
    examine: Examine, add_job: Callable[..., Any]
) -> None:
    await add_job("SEND_EMAIL", age_s=900)
    [found] = await examine("queue.waiting")
    assert (found.state, "SEND_EMAIL for 15 min (1)" in found.says) == ("warning", True)
    await add_job("TRIAGE_TICKET", age_s=7200, key="model")
    [found] = await examine("queue.waiting")
    assert (found.state, list(found.figures["types"])) == ("error", ["TRIAGE_TICKET", "SEND_EMAIL"])


async def test_running_jobs_and_index_rows_that_nobody_tends_to_are_an_error(
    examine: Examine, superuser: asyncpg.Connection, add_job: Callable[..., Any], organization_id: UUID
) -> None:
    await add_job("SEND_EMAIL", "running", age_s=100)
    assert [each.state for each in await examine("queue.leases")] == ["ok"], "a rescue may still come by"
    await add_job("SEND_EMAIL", "running", age_s=400)
    hung = await add_job("CLEAN_UP", "running", age_s=1)
    await superuser.execute(
        "UPDATE job_queue SET timeout_s = 60, started_at = now() - interval '1 hour' WHERE id = $1", hung
    )
    await superuser.execute(
        "INSERT INTO rag_index_queue (id, organization_id, source_type, source_id, status, locked_by, locked_at) "
        "VALUES ($1, $2, 'ticket', $1, 'running', $1, now() - interval '1 hour')",
        new_id(),
        organization_id,
    )
    [found] = await examine("queue.leases")
    assert (found.state, found.figures["rows"]) == ("error", 3)
    assert "1 index rows of ticket" in found.says


async def test_dead_letters_of_the_last_day_are_a_warning_with_their_reason(
    examine: Examine, add_job: Callable[..., Any]
) -> None:
    await add_job("SEND_EMAIL", "dead_letter", age_s=25 * 3600, error="long ago")
    assert [each.state for each in await examine("queue.dead_letters")] == ["ok"]
    await add_job("SEND_EMAIL", "dead_letter", age_s=60, error="550 no such user\nmore")
    [found] = await examine("queue.dead_letters")
    assert said([found]) == [("warning", "1 jobs were given up in the last 24 hours: 1 SEND_EMAIL (550 no such user).")]


async def test_a_scheduled_job_that_did_not_come_is_told(examine: Examine, superuser: asyncpg.Connection) -> None:
    assert [each.state for each in await examine("queue.schedule")] == ["skipped"]
    now = await superuser.fetchval("SELECT now()")
    for entry in SCHEDULE:
        [last] = cron_of(entry.cron, entry.zone).between(now.replace(month=1), now, most=1)
        await superuser.execute("INSERT INTO cron_ticks (name, tick_at) VALUES ($1, $2)", entry.name, last)
    assert [each.state for each in await examine("queue.schedule")] == ["ok"]
    await superuser.execute("UPDATE cron_ticks SET tick_at = tick_at - interval '8 days' WHERE name = 'back_up'")
    [found] = await examine("queue.schedule")
    assert (found.state, found.figures["missed"]) == ("warning", ["back_up"])


async def test_an_index_that_is_behind_or_left_something_out_is_told(
    examine: Examine, superuser: asyncpg.Connection, organization_id: UUID
) -> None:
    await superuser.execute(
        "INSERT INTO rag_index_queue (id, organization_id, source_type, source_id, waiting_since, last_error) "
        "VALUES ($1, $2, 'ticket', $1, now() - interval '20 minutes', 'the model runtime is away')",
        new_id(),
        organization_id,
    )
    [found] = await examine("index.lag")
    assert (found.state, "The last one said: the model runtime is away" in found.says) == ("warning", True)
    await superuser.execute("UPDATE rag_index_queue SET waiting_since = now() - interval '3 hours'")
    [found] = await examine("index.lag")
    assert found.state == "error"
    await superuser.execute("UPDATE rag_index_queue SET status = 'failed'")
    assert [each.state for each in await examine("index.lag")] == ["ok"]
    [found] = await examine("index.failed")
    assert (found.state, found.figures["rows"]) == ("warning", 1)


async def test_what_is_amiss_with_settings_that_name_files_does_not_hide_the_queue(
    examine: Examine, tmp_path: Path
) -> None:
    [found] = await examine("queue.schedule", schedule_file=tmp_path / "none.toml")
    assert found.state == "skipped"
