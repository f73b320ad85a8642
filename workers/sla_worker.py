"""The SLA worker: on each minute, tell what has crossed a threshold and bring the time left up to date."""

from __future__ import annotations

import time

import structlog

from helpdesk.settings import Settings
from helpdesk.sla.clocks.minute import Minute
from workers.lifecycle import stop_on_signals, worker_process
from workers.loops import pause, run_loops

log = structlog.get_logger()


async def run(settings: Settings) -> int:
    """Tick until told to stop, and return the exit code."""
    stopping = stop_on_signals()
    async with worker_process(settings, kind="sla", stopping=stopping) as process:
        minute = Minute(process.database, stop=stopping.is_set)

        async def ticks() -> None:
            while not stopping.is_set():
                await tick_all(minute)
                # On the minute by the clock on the wall, whatever the tick before took.
                if await pause(stopping, settings.sla_tick_s - time.time() % settings.sla_tick_s):
                    return

        await run_loops({"ticks": ticks, **process.loops()}, stopping=stopping)
    return 0


async def tick_all(minute: Minute) -> None:
    """Run one tick over every organisation, and log one line about it.

    What was skipped is counted beforehand and apart, and only as often as is cheap.
    """
    skipped = await minute.skipped()
    began = time.monotonic()
    done = await minute.tick()
    log.info(
        "sla_check_completed",
        processed=done.processed,
        skipped_null_sla=skipped.null_sla,
        skipped_paused=skipped.paused,
        warned_75=done.warned_75,
        warned_90=done.warned_90,
        breached=done.breached,
        **({"warned_other": done.warned_other} if done.warned_other else {}),
        **({"failed": done.failed} if done.failed else {}),
        duration_ms=round(1000 * (time.monotonic() - began), 1),
    )
