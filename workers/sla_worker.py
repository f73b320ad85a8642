"""The SLA worker: on each minute, tell what has crossed a threshold and bring the time left up to date."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

import structlog

from helpdesk.database.engine import transaction_time
from helpdesk.settings import Settings
from helpdesk.sla.ticking import Skipped, Tick, count_skipped, refresh_time_left, tick
from workers.lifecycle import WorkerProcess, stop_on_signals, worker_process
from workers.loops import pause, run_loops

log = structlog.get_logger()

CHUNK = 500

# A worst case that ends: a tick that is not through by then goes on in the next one.
MOST_CHUNKS = 2_000

_ORGANIZATIONS = """
    SELECT id FROM organizations o
     WHERE EXISTS (SELECT 1 FROM sla_clocks c WHERE c.organization_id = o.id)
     ORDER BY id
"""
_DUE_TICKETS = "SELECT count(DISTINCT ticket_id) FROM sla_clocks WHERE next_threshold_at <= now()"


async def run(settings: Settings) -> int:
    """Tick until told to stop, and return the exit code."""
    stopping = stop_on_signals()
    async with worker_process(settings, kind="sla", stopping=stopping) as process:

        async def ticks() -> None:
            while not stopping.is_set():
                await tick_all(process)
                # On the minute by the clock on the wall, whatever the tick before took.
                if await pause(stopping, settings.sla_tick_s - time.time() % settings.sla_tick_s):
                    return

        await run_loops({"ticks": ticks, **process.loops()}, stopping=stopping)
    return 0


async def tick_all(process: WorkerProcess) -> None:
    """Run one tick over every organisation, and log one line about it."""
    began = time.monotonic()
    due = (await process.link.fetch(_DUE_TICKETS))[0][0]
    log.info("sla_check_started", tickets=due)
    total, null_sla, paused = Tick(), 0, 0
    for row in await process.link.fetch(_ORGANIZATIONS):
        done, skipped = await _tick_organization(process, row["id"])
        total, null_sla, paused = total + done, null_sla + skipped.null_sla, paused + skipped.paused
        await asyncio.sleep(0)
    log.info(
        "sla_check_completed",
        processed=total.processed,
        skipped_null_sla=null_sla,
        skipped_paused=paused,
        warned_75=total.warned_75,
        warned_90=total.warned_90,
        breached=total.breached,
        duration_ms=round(1000 * (time.monotonic() - began), 1),
    )


async def _tick_organization(process: WorkerProcess, organization_id: UUID) -> tuple[Tick, Skipped]:
    """Work off one organisation in chunks, each in a transaction of its own."""
    total = Tick()
    for _ in range(MOST_CHUNKS):
        async with process.database.transaction(organization_id) as session:
            now = await transaction_time(session)
            done = await tick(session, organization_id=organization_id, now=now, limit=CHUNK)
        total += done
        if done.processed == 0 or process.stopping.is_set():
            break
    async with process.database.transaction(organization_id) as session:
        await refresh_time_left(session, organization_id=organization_id, now=await transaction_time(session))
        skipped = await count_skipped(session, organization_id=organization_id)
    return total, skipped
