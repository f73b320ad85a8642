"""The SLA worker: on each minute, tell what has crossed a threshold and bring the time left up to date."""

from __future__ import annotations

import time

import structlog

from helpdesk.observability.metrics import sla
from helpdesk.settings import Settings
from helpdesk.sla.clocks.minute import Minute
from helpdesk.sla.clocks.ticking import Skipped, Tick
from workers.lifecycle import WorkerProcess, stop_on_signals, worker_process
from workers.loops import pause, run_loops
from workers.pulse import LONGEST_TURN_S

log = structlog.get_logger()


async def run(settings: Settings) -> int:
    """Tick until told to stop, and return the exit code."""
    stopping = stop_on_signals()
    async with worker_process(settings, kind="sla", stopping=stopping) as process:
        ticker = Ticker(process)
        await run_loops({"ticks": ticker.run, **process.loops()}, stopping=stopping)
    return 0


class Ticker:
    """The loop of one SLA worker."""

    def __init__(self, process: WorkerProcess) -> None:
        self._process = process
        self._every_s = process.settings.sla_tick_s
        self._minute = Minute(process.database, stop=self._is_to_end)
        self._last = "no tick yet"
        process.supervised.says = self._says

    async def run(self) -> None:
        """Tick on each minute by the clock on the wall, whatever the tick before took."""
        stopping = self._process.stopping
        while not stopping.is_set():
            self._is_to_end()
            await self._tick()
            if await pause(stopping, self._every_s - time.time() % self._every_s):
                return
            # Since the minute; it is woken a little before it now and then, as clocks are.
            late_s = time.time() % self._every_s
            sla.LATENESS.observe(late_s if late_s < self._every_s / 2 else 0.0)

    async def _tick(self) -> None:
        """Run one tick over every organisation, and log one line about it.

        What was skipped is counted beforehand and apart, and only as often as is cheap.
        """
        skipped = await self._minute.skipped()
        began = time.monotonic()
        done = await self._minute.tick()
        duration_ms = round(1000 * (time.monotonic() - began), 1)
        _measure(done, skipped, duration_ms / 1000)
        at = time.strftime("%H:%M:%S UTC", time.gmtime())
        self._last = f"{done.processed} clocks worked off in {duration_ms:.0f} ms at {at}"
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
            duration_ms=duration_ms,
        )

    def _is_to_end(self) -> bool:
        """Return whether a tick is to end; it asks between two chunks, each of which is a sign of life."""
        self._process.supervised.pulse.beat("ticks", within_s=self._every_s + LONGEST_TURN_S)
        return self._process.stopping.is_set()

    async def _says(self) -> str:
        """Return a line for the service manager: the last tick."""
        await self._process.link.fetch("SELECT 1")
        return self._last


def _measure(done: Tick, skipped: Skipped, seconds: float) -> None:
    sla.ticked(
        seconds,
        processed=done.processed,
        failed=done.failed,
        warned_75=done.warned_75,
        warned_90=done.warned_90,
        breached=done.breached,
        other=done.warned_other,
    )
    sla.NOT_WATCHED.replace({("no_clock",): skipped.null_sla, ("paused",): skipped.paused})
