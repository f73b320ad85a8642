"""The schedule as people see it: what is due when, and when it last was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.queue.schedule import CronEntry, upcoming

# One look at the end of the key's index for each entry.
_LAST_TICKS = text("""
    SELECT entry.name, (SELECT max(tick_at) FROM cron_ticks AS t WHERE t.name = entry.name) AS tick
      FROM unnest(CAST(:names AS text[])) AS entry (name)
""")


@dataclass(frozen=True)
class CronState:
    """An entry of the schedule, with its last and its next tick.

    Attributes:
        last_tick: the newest tick that was turned into jobs (UTC); None before the first.
        next_tick: None when it is disabled or never comes.
    """

    name: str
    cron: str
    zone: str
    missed: str
    scope: str
    job_type: str
    enabled: bool
    last_tick: datetime | None
    next_tick: datetime | None


async def schedule_state(session: AsyncSession, entries: Sequence[CronEntry], now: datetime) -> list[CronState]:
    """Return how each entry of a schedule stands, in its order.

    Args:
        entries: as `load_schedule` gives them.
    """
    rows = await session.execute(_LAST_TICKS, {"names": [entry.name for entry in entries]})
    last: dict[str, datetime | None] = {row.name: row.tick for row in rows}
    return [
        CronState(
            name=entry.name,
            cron=entry.cron,
            zone=entry.zone,
            missed=entry.missed,
            scope=entry.scope,
            job_type=entry.job_type,
            enabled=entry.enabled,
            last_tick=last[entry.name],
            next_tick=upcoming(entry, now) if entry.enabled else None,
        )
        for entry in entries
    ]
