"""Turn ticks into jobs without a leader: every process offers each tick, the table takes it once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from helpdesk.queue.decode import job_class
from helpdesk.queue.link import Runs
from helpdesk.queue.schedule import GRACE, CronEntry

# Ends the name of the row that says since when an entry is known; no entry's own name has a colon.
SINCE = ":since"

# Stands for any organisation in a limit key; the statement puts each job's own in its place.
_ANY_ORGANIZATION = UUID(int=0)

# The clock that counts is the database's; hosts' clocks differ.
_NOW = "SELECT now() AS now"

# The tick and its jobs stand or fall together, and only the first process to offer the tick makes jobs. One statement
# however many organisations there are: in several, a process that died between them would leave a tick half done, and
# organisations that come and go would be left out or get two. The ids are UUIDv7 made here (PostgreSQL has its own
# function from version 18 on), since only the statement knows for which organisations.
FIRE = """
WITH tick AS (
    INSERT INTO cron_ticks (name, tick_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name),
owner AS (
    SELECT id FROM organizations ORDER BY id LIMIT CASE WHEN $3 = 'operator' THEN 1 END),
new AS (
    INSERT INTO job_queue (id, organization_id, job_type, payload, priority, max_retries, timeout_s, unique_key,
                           limit_key)
    SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           owner.id, $4, $5::jsonb, $6, $7, $8, $9, replace($10, $11, owner.id::text)
      FROM tick CROSS JOIN owner
        ON CONFLICT (organization_id, job_type, unique_key)
              WHERE unique_key IS NOT NULL AND status IN ('pending', 'running') DO NOTHING
    RETURNING id, organization_id),
event AS (
    INSERT INTO job_events (organization_id, job_id, event, detail)
    SELECT organization_id, id, 'enqueued', $1 FROM new)
SELECT (SELECT count(*) FROM tick) AS ticks, (SELECT count(*) FROM new) AS jobs
"""
_TAKE_TICK = """
INSERT INTO cron_ticks (name, tick_at) VALUES ($1, date_bin($2::interval, now(), 'epoch'))
    ON CONFLICT DO NOTHING RETURNING name
"""

# An entry that is new starts a grace before it was first seen, so that a tick of a moment ago is not passed over.
_BEGIN = """
INSERT INTO cron_ticks (name, tick_at)
SELECT entry.name || $2, now() - $3::interval FROM unnest($1::text[]) AS entry (name)
 WHERE NOT EXISTS (SELECT FROM cron_ticks AS t WHERE t.name IN (entry.name, entry.name || $2))
    ON CONFLICT DO NOTHING
"""
_TAKEN = """
SELECT entry.name,
       coalesce((SELECT max(tick_at) FROM cron_ticks AS t WHERE t.name = entry.name),
                (SELECT min(tick_at) FROM cron_ticks AS t WHERE t.name = entry.name || $2)) AS taken
  FROM unnest($1::text[]) AS entry (name)
"""


async def database_now(connection: Runs) -> datetime:
    """Return the database's clock (UTC)."""
    now: datetime = (await connection.fetch(_NOW))[0]["now"]
    return now


async def taken_until(connection: Runs, names: Iterable[str]) -> dict[str, datetime]:
    """Return, by entry, the newest tick that was taken, or since when the entry is known; notes those seen first."""
    wanted = list(names)
    rows = await connection.fetch(_TAKEN, wanted, SINCE)
    if any(row["taken"] is None for row in rows):
        await connection.fetch(_BEGIN, wanted, SINCE, GRACE)
        rows = await connection.fetch(_TAKEN, wanted, SINCE)
    return {row["name"]: row["taken"] for row in rows}


async def fire(connection: Runs, entry: CronEntry, *, tick: datetime) -> int | None:
    """Enqueue the jobs of a tick, unless any process has done so.

    Returns:
        How many jobs were made; None when the tick was taken already.

    Raises:
        UnknownJobType: when the entry's type is not in the catalogue.
        ValidationError: when the type does not take the entry's payload.
    """
    kind = job_class(entry.job_type)
    args = kind.for_tick(tick, entry.payload)
    [row] = await connection.fetch(
        FIRE,
        entry.name,
        tick,
        entry.scope,
        kind.job_type,
        args.model_dump_json(),
        str(entry.priority or kind.priority),
        kind.max_retries,
        kind.timeout_s,
        entry.unique_key,
        kind.limit_key(_ANY_ORGANIZATION),
        str(_ANY_ORGANIZATION),
    )
    return int(row["jobs"]) if row["ticks"] else None


async def take_tick(connection: Runs, name: str, *, every: timedelta) -> bool:
    """Take the present tick of upkeep that needs no job; True for the one process that is to do it.

    Args:
        every: ticks are whole multiples of it since 1970 (UTC).
    """
    return bool(await connection.fetch(_TAKE_TICK, name, every))
