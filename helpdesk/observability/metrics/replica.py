"""Which server reads go to, where there are replicas."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import counter

READS = counter(
    "atum_database_reads_total",
    "Reads that a replica may serve, by who did: replica; or primary, as the replica was behind or away.",
    ("server", "reason"),
)
