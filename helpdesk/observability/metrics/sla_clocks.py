"""What waits for the SLA worker; gathered from the database, not at a scrape."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import Readings

OLDEST_DUE = Readings(
    "atum_sla_oldest_due_seconds", "How long ago the threshold was crossed that no tick has looked at yet."
)
