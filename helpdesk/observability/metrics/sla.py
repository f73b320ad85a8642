"""The SLA worker's minute."""

from __future__ import annotations

import time

from helpdesk.observability.metrics.registry import QUICK_S, SLOW_S, Readings, counter, histogram

TICK = histogram("atum_sla_tick_seconds", "How long a tick took.", buckets=SLOW_S)
LATENESS = histogram(
    "atum_sla_tick_lateness_seconds",
    "How much later than planned a tick began, the first of a process apart.",
    buckets=QUICK_S,
)
PROCESSED = counter("atum_sla_tickets_processed_total", "Tickets whose due clocks a tick worked off.")
FAILED = counter("atum_sla_tickets_failed_total", "Tickets whose clocks could not be computed, and were put off.")
NOTIFIED = counter(
    "atum_sla_thresholds_told_total", "Thresholds crossed and told: 75, 90, breach or other.", ("threshold",)
)
LAST_TICK = Readings(
    "atum_sla_last_tick_timestamp_seconds", "When the last tick of this worker ended well, as Unix time."
)
NOT_WATCHED = Readings(
    "atum_sla_skipped",
    "What ticks have nothing to do for: open tickets with no_clock, and clocks that are paused.",
    ("why",),
)


def ticked(
    seconds: float, *, processed: int, failed: int, warned_75: int, warned_90: int, breached: int, other: int
) -> None:
    """Count a tick that ended well, and what it told."""
    TICK.observe(seconds)
    PROCESSED.inc(processed)
    FAILED.inc(failed)
    told = {"75": warned_75, "90": warned_90, "breach": breached, "other": other}
    for threshold, number in told.items():
        NOTIFIED.labels(threshold).inc(number)
    LAST_TICK.set(time.time())
