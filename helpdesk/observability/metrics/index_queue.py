"""What waits for the search index; gathered from the database, not at a scrape."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import Readings

TASKS = Readings("atum_index_tasks", "Sources that wait: pending, running or failed.", ("state",))
OLDEST = Readings("atum_index_oldest_pending_seconds", "How long the source has waited that has waited longest.")
