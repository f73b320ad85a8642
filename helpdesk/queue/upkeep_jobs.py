"""Jobs that keep the installation in order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from pydantic import AwareDatetime

from helpdesk.models.values import JobPriority, TicketStatus, UserRole
from helpdesk.queue.args import JobArgs


class MetricsSnapshot(JobArgs):
    """Take the figures of a 15-minute bucket; taking them again gives the same row."""

    job_type: ClassVar = "METRICS_SNAPSHOT"
    queue: ClassVar = "metrics"
    priority: ClassVar = JobPriority.LOW
    enqueue_role: ClassVar = UserRole.ADMIN

    bucket_start: datetime

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:  # noqa: ARG003 (each type takes what it needs)
        """Take the figures of the bucket that has just ended."""
        return cls(bucket_start=tick - timedelta(minutes=15))


class CleanUp(JobArgs):
    """Remove jobs, history and files of jobs that are past their retention, for every organisation."""

    job_type: ClassVar = "CLEAN_UP"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 600
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"


class ReconcileIndex(JobArgs):
    """Compare an organisation's sources with its search index, and queue what differs."""

    job_type: ClassVar = "RECONCILE_INDEX"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    timeout_s: ClassVar = 300
    enqueue_role: ClassVar = UserRole.ADMIN
    most_per_worker: ClassVar = 2


class RetrainTriage(JobArgs):
    """Train the classifier of triage anew where an organisation's tickets have taught something since."""

    job_type: ClassVar = "RETRAIN_TRIAGE"
    queue: ClassVar = "ai"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 900
    enqueue_role: ClassVar = UserRole.ADMIN
    # Training takes a core for seconds to minutes.
    most_per_worker: ClassVar = 1


class ExportTickets(JobArgs):
    """Export an organisation's tickets with all that belongs to them; a run goes on where the one before ended."""

    job_type: ClassVar = "EXPORT_TICKETS"
    queue: ClassVar = "exports"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 10
    timeout_s: ClassVar = 1800
    enqueue_role: ClassVar = UserRole.ADMIN
    most_per_worker: ClassVar = 2

    format: Literal["jsonl", "csv"] = "jsonl"
    # Bounds of the tickets' creation; `until` is exclusive.
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    statuses: tuple[TicketStatus, ...] = ()


class BackUp(JobArgs):
    """Back up the database and its files, prove the backup whole and remove the oldest ones."""

    job_type: ClassVar = "BACK_UP"
    queue: ClassVar = "maintenance"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 2
    timeout_s: ClassVar = 6 * 3600
    backoff_steps_s: ClassVar = (600.0,)
    enqueue_role: ClassVar = UserRole.OPERATOR
    limited_by: ClassVar = "type"
