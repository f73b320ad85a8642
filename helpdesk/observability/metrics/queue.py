"""How the queue stands, for all workers together; gathered from the database, not at a scrape."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import Readings, counter

JOBS = Readings(
    "atum_queue_jobs",
    "Jobs that have not ended, and dead letters: ready, delayed, paused, running or dead_letter.",
    ("job_type", "priority", "state"),
)
OLDEST_READY = Readings(
    "atum_queue_oldest_ready_seconds",
    "How long the oldest job that could run has waited; not where its type or queue is paused.",
    ("job_type", "priority"),
)
WORKERS = Readings("atum_workers", "Workers whose heartbeat is in time.", ("kind",))

GATHERED_AT = Readings(
    "atum_gathered_timestamp_seconds", "When this worker last gathered figures from the database, as Unix time."
)
GATHER_SECONDS = Readings("atum_gather_duration_seconds", "How long the last gathering took.")
GATHER_FAILURES = counter("atum_gather_failures_total", "Groups of figures that could not be gathered.", ("group",))
