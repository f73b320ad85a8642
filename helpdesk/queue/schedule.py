"""Schedules without a leader: every process offers each tick, the table takes it once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from helpdesk.database.base import new_id
from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import MetricsSnapshot
from helpdesk.queue.link import Runs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The clock that counts is the database's; hosts' clocks differ.
_NOW = "SELECT now() AS now"
_ORGANIZATIONS = "SELECT id FROM organizations"

# The tick and its jobs stand or fall together, and only the first process to offer the tick makes jobs.
_FIRE = """
WITH tick AS (
    INSERT INTO cron_ticks (name, tick_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name),
new AS (
    INSERT INTO job_queue (id, organization_id, job_type, payload, priority, max_retries, timeout_s)
    SELECT job.id, job.organization_id, $5, $6::jsonb, $7, $8, $9
      FROM tick CROSS JOIN unnest($3::uuid[], $4::uuid[]) AS job (id, organization_id)
    RETURNING id, organization_id),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, detail)
    SELECT organization_id, id, 'enqueued', $1 FROM new)
SELECT id FROM new
"""
_TAKE_TICK = "INSERT INTO cron_ticks (name, tick_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name"


@dataclass(frozen=True)
class CronEntry:
    """A job that every organisation gets at each tick.

    Attributes:
        name: identifies the entry in `cron_ticks`.
        every: ticks are whole multiples of it since 1970 (UTC); a tick missed while nothing ran is skipped.
        make: the job's arguments, from the tick's time.
    """

    name: str
    every: timedelta
    make: Callable[[datetime], JobArgs]


SCHEDULE = (
    # At each quarter the figures of the quarter that has just ended are complete.
    CronEntry(
        name="metrics_snapshot",
        every=timedelta(minutes=15),
        make=lambda tick: MetricsSnapshot(bucket_start=tick - timedelta(minutes=15)),
    ),
)


def tick_before(now: datetime, every: timedelta) -> datetime:
    """Return the last tick at or before `now`."""
    return now - (now - _EPOCH) % every


async def database_now(connection: Runs) -> datetime:
    """Return the database's clock (UTC)."""
    now: datetime = (await connection.fetch(_NOW))[0]["now"]
    return now


async def fire(connection: Runs, entry: CronEntry, *, tick: datetime) -> list[UUID]:
    """Enqueue a tick's jobs, one an organisation, unless any process has done so; return the new jobs."""
    organizations = [row["id"] for row in await connection.fetch(_ORGANIZATIONS)]
    args = entry.make(tick)
    rows = await connection.fetch(
        _FIRE,
        entry.name,
        tick,
        [new_id() for _ in organizations],
        organizations,
        args.job_type,
        args.model_dump_json(),
        str(args.priority),
        args.max_retries,
        args.timeout_s,
    )
    return [row["id"] for row in rows]


async def take_tick(connection: Runs, name: str, *, tick: datetime) -> bool:
    """Take a tick of maintenance work; True for the one process that is to do it."""
    return bool(await connection.fetch(_TAKE_TICK, name, tick))
