"""What every worker process tells of itself."""

from __future__ import annotations

from helpdesk.observability.metrics.registry import Readings

BEAT_AGE = Readings("atum_worker_heartbeat_age_seconds", "Since the last heartbeat that reached the database.")
