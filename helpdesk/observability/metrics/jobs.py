"""What a job worker does: what it claims, how long jobs wait and run, how they end, and how full its slots are."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import QUICK_S, SLOW_S, WAIT_S, Readings, counter, histogram

ATTEMPTS = counter("atum_job_attempts_total", "Handlers started.", ("job_type",))
ENDINGS = counter(
    "atum_job_endings_total",
    "Jobs whose ending the queue has taken: completed, retried, dead_lettered, cancelled, snoozed or released.",
    ("job_type", "ending"),
)
FAILURES = counter(
    "atum_job_failures_total", "Tries that a handler failed, whether another one follows or not.", ("job_type",)
)
STALE = counter(
    "atum_job_stale_endings_total", "Endings that came after the lease was lost; they change nothing.", ("job_type",)
)
RESCUES = counter(
    "atum_job_rescues_total",
    "Jobs taken back from workers that died or hang: pending again, dead_letter or cancelled.",
    ("job_type", "outcome"),
)
PICKUP = histogram(
    "atum_job_pickup_seconds",
    "From when a job was due until its handler started, by the clocks of the database and of this host.",
    ("job_type",),
    buckets=WAIT_S,
)
HANDLER = histogram(
    "atum_job_handler_seconds",
    "How long handlers ran: completed, failed, cancelled, handed_back or lost.",
    ("job_type", "outcome"),
    buckets=SLOW_S,
)
CLAIM = histogram("atum_queue_claim_seconds", "How long a claim took, empty ones included.", buckets=QUICK_S)

SLOTS = Readings("atum_worker_slots", "How many handlers this worker runs at a time.")
SLOTS_BUSY = Readings("atum_worker_slots_busy", "Slots in which a handler runs.")
SLOTS_STUCK = Readings("atum_worker_slots_stuck", "Slots taken by handlers that ignore their timeout.")
UNHEARD = Readings("atum_worker_unheard_endings", "Endings that the queue has not taken yet.")
