"""One minute of the SLA engine, for hosts that run it by a timer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from helpdesk.cli.connection import run
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.sla.ticking import Skipped, Tick, count_skipped, refresh_time_left, tick


def tick_everywhere() -> None:
    """Work off every organisation's due clocks, and print what was done in one line."""
    done, skipped = run(_tick_all)
    print(
        f"processed={done.processed} skipped_null_sla={skipped.null_sla} skipped_paused={skipped.paused} "
        f"warned_75={done.warned_75} warned_90={done.warned_90} breached={done.breached}"
    )


async def _tick_all(database: Database) -> tuple[Tick, Skipped]:
    async with database.transaction(None) as session:
        now: datetime = (await session.scalars(select(func.now()))).one()
        organizations = list(await session.scalars(select(Organization.id).order_by(Organization.id)))
    done, null_sla, paused = Tick(), 0, 0
    for organization_id in organizations:
        done += await _tick_one(database, organization_id, now)
        async with database.transaction(organization_id) as session:
            await refresh_time_left(session, organization_id=organization_id, now=now)
            skipped = await count_skipped(session, organization_id=organization_id)
        null_sla, paused = null_sla + skipped.null_sla, paused + skipped.paused
    return done, Skipped(null_sla=null_sla, paused=paused)


async def _tick_one(database: Database, organization_id: UUID, now: datetime) -> Tick:
    done = Tick()
    while True:
        # One transaction a chunk, so that the locks of a long tick are short.
        async with database.transaction(organization_id) as session:
            chunk = await tick(session, organization_id=organization_id, now=now)
        if chunk.processed == 0:
            return done
        done += chunk
