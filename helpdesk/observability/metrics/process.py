"""What a process is and how it feels: its version, its memory and files, and how late its event loop is."""

from __future__ import annotations

import math
import time

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

from helpdesk.observability.metrics.registry import QUICK_S, REGISTRY, Readings, histogram

BUILD = Readings("atum_build_info", "Always 1; the labels say what the process is.", ("service", "version"))
LOOP_LAG = histogram(
    "atum_event_loop_lag_seconds",
    "How much later than planned the event loop came round, looked at twice a second.",
    buckets=QUICK_S,
)
LOOP_OVERDUE = Readings(
    "atum_event_loop_overdue_seconds",
    "How long the event loop has been overdue at the moment of the scrape; 0 while it is in time.",
)

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def describe(*, service: str, version: str) -> None:
    """Say what this process is."""
    BUILD.replace({(service, version): 1.0})


class LoopWatch:
    """Notes how late an event loop is; read by scrapes, in their own thread, so that one that stands still is seen."""

    def __init__(self) -> None:
        self._due = math.inf

    def came_round(self, *, next_in_s: float) -> None:
        """Note that the loop has come round, and when it is to do so again; never, with infinity."""
        now = time.monotonic()
        if math.isfinite(self._due):
            LOOP_LAG.observe(max(now - self._due, 0.0))
        self._due = now + next_in_s

    def overdue_s(self) -> float:
        """Return for how long the loop has been overdue."""
        return max(time.monotonic() - self._due, 0.0)


LOOP = LoopWatch()
LOOP_OVERDUE.read = lambda: {(): LOOP.overdue_s()}
