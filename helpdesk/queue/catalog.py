"""Every job the product can run; producers and workers both read this page."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from helpdesk.models.values import JobPriority
from helpdesk.queue.args import JobArgs


class TriageTicket(JobArgs):
    """Suggest category, priority, team and type for a ticket."""

    job_type: ClassVar = "TRIAGE_TICKET"
    queue: ClassVar = "ai"
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 300
    from_api: ClassVar = True

    ticket_id: UUID


class KbSuggest(JobArgs):
    """Find the articles that answer a ticket, or say that there are none."""

    job_type: ClassVar = "KB_SUGGEST"
    queue: ClassVar = "ai"
    max_retries: ClassVar = 3
    from_api: ClassVar = True

    ticket_id: UUID


class SmartReply(JobArgs):
    """Draft a reply from the knowledge base, with citations, for an agent to check."""

    job_type: ClassVar = "SMART_REPLY"
    queue: ClassVar = "ai"
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 300
    from_api: ClassVar = True

    ticket_id: UUID


class SlaPredict(JobArgs):
    """Estimate how likely each running clock of a ticket is to breach."""

    job_type: ClassVar = "SLA_PREDICT"
    queue: ClassVar = "sla"
    max_retries: ClassVar = 3
    from_api: ClassVar = True

    ticket_id: UUID


class MetricsSnapshot(JobArgs):
    """Take the figures of a 15-minute bucket; taking them again gives the same row."""

    job_type: ClassVar = "METRICS_SNAPSHOT"
    queue: ClassVar = "metrics"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 5
    from_api: ClassVar = True

    bucket_start: datetime


class DeliverNotification(JobArgs):
    """Tell the people concerned with a ticket that something happened, each of them once."""

    job_type: ClassVar = "DELIVER_NOTIFICATION"
    queue: ClassVar = "notifications"
    priority: ClassVar = JobPriority.HIGH

    kind: Literal["sla.warning", "sla.breach", "ticket.assigned"]
    ticket_id: UUID
    dedupe_key: str
    title: str
    data: dict[str, str | int | None] = {}


JOB_TYPES: dict[str, type[JobArgs]] = {
    args.job_type: args
    for args in (TriageTicket, KbSuggest, SmartReply, SlaPredict, MetricsSnapshot, DeliverNotification)
}
