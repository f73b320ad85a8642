"""Every job the product can run; producers and workers both read this page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, field_validator

from helpdesk.models.values import JobPriority, TicketStatus, UserRole
from helpdesk.queue.args import JobArgs

# No character that could begin another header.
_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_ADDRESS = r"^[^@\s<>,;\x00-\x1f\x7f]+@[^@\s<>,;\x00-\x1f\x7f]+$"
Recipient = Annotated[str, StringConstraints(pattern=_ADDRESS, max_length=254)]
MessageId = Annotated[str, StringConstraints(pattern=r"^<[!-;=?-~]+@[!-;=?-~]+>$", max_length=250)]

# The zone that is farthest ahead of UTC.
_FIRST_ZONE = timedelta(hours=14)


class TriageTicket(JobArgs):
    """Suggest category, priority, team and type for a ticket."""

    job_type: ClassVar = "TRIAGE_TICKET"
    queue: ClassVar = "ai"
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 300
    # They wait for one text model, and other work must not wait for them.
    most_per_worker: ClassVar = 4
    enqueue_role: ClassVar = UserRole.AGENT

    ticket_id: UUID


class KbSuggest(JobArgs):
    """Find the articles that answer a ticket, or say that there are none."""

    job_type: ClassVar = "KB_SUGGEST"
    queue: ClassVar = "ai"
    max_retries: ClassVar = 3
    enqueue_role: ClassVar = UserRole.AGENT

    ticket_id: UUID


class SmartReply(JobArgs):
    """Draft a reply from the knowledge base, with citations, for an agent to check."""

    job_type: ClassVar = "SMART_REPLY"
    queue: ClassVar = "ai"
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 300
    # One draft is written while the next one's sources are gathered.
    limited_by: ClassVar = "text-model"
    slots: ClassVar = 2
    enqueue_role: ClassVar = UserRole.AGENT

    ticket_id: UUID


class SlaPredict(JobArgs):
    """Estimate how likely each running clock of a ticket is to breach."""

    job_type: ClassVar = "SLA_PREDICT"
    queue: ClassVar = "sla"
    max_retries: ClassVar = 3
    enqueue_role: ClassVar = UserRole.AGENT

    ticket_id: UUID


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


class MakeThumbnail(JobArgs):
    """Make the thumbnail of an attachment, or find that there is none to be had."""

    job_type: ClassVar = "MAKE_THUMBNAIL"
    queue: ClassVar = "images"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 60
    enqueue_role: ClassVar = UserRole.AGENT
    # A large picture takes 200 MB while it is decoded.
    most_per_worker: ClassVar = 2

    attachment_id: UUID


class SlaReport(JobArgs):
    """Report how the service-level promises of a week were kept, as a page to print and as tables."""

    job_type: ClassVar = "SLA_REPORT"
    queue: ClassVar = "reports"
    timeout_s: ClassVar = 600
    enqueue_role: ClassVar = UserRole.LEAD
    most_per_worker: ClassVar = 2

    # None takes the last week that is over where the organisation is.
    week_start: date | None = None

    @field_validator("week_start")
    @classmethod
    def _is_a_monday(cls, day: date | None) -> date | None:
        if day is not None and day.weekday() != 0:
            raise ValueError("a week starts on a Monday")
        return day

    @classmethod
    def for_tick(cls, tick: datetime, payload: Mapping[str, Any]) -> Self:
        """Report the last week that is over anywhere; where it is not, the job waits for it."""
        day = (tick + _FIRST_ZONE).date()
        monday = day - timedelta(days=day.weekday() + 7)
        return cls.model_validate({"week_start": monday, **payload})


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


class SendEmail(JobArgs):
    """Send a mail; the tries span about a day.

    Attributes:
        to: who it is addressed to; each recipient sees the others.
        text, html: the same words twice.
        in_reply_to, references: Message-IDs, with their angle brackets.
        rest_of: the job whose mail this is, when that one reached only some; None: a mail of its own.
        rest: those whom that one did not reach, from among `to`.
    """

    job_type: ClassVar = "SEND_EMAIL"
    queue: ClassVar = "mail"
    priority: ClassVar = JobPriority.HIGH
    max_retries: ClassVar = 30
    timeout_s: ClassVar = 300
    backoff_base_s: ClassVar = 30.0
    backoff_cap_s: ClassVar = 3600.0
    # It goes out in the product's name to any address, which is not an agent's to decide.
    enqueue_role: ClassVar = UserRole.ADMIN
    # One connection sends one mail at a time: a second one waits ready.
    most_per_worker: ClassVar = 2

    to: tuple[Recipient, ...] = Field(min_length=1, max_length=50)
    subject: Annotated[str, StringConstraints(max_length=998, pattern=_ONE_LINE)]
    text: Annotated[str, StringConstraints(max_length=1_000_000)]
    html: Annotated[str, StringConstraints(max_length=1_000_000)] | None = None
    reply_to: Recipient | None = None
    in_reply_to: MessageId | None = None
    references: tuple[MessageId, ...] = Field(default=(), max_length=50)
    rest_of: UUID | None = None
    rest: tuple[Recipient, ...] = Field(default=(), max_length=50)


class SendWebhook(JobArgs):
    """Tell one address of one event; the waits between its tries grow to at most a day."""

    job_type: ClassVar = "SEND_WEBHOOK"
    queue: ClassVar = "webhooks"
    max_retries: ClassVar = 14
    timeout_s: ClassVar = 120
    backoff_base_s: ClassVar = 10.0
    # With luck on top, which multiplies by up to 1.5, a day.
    backoff_cap_s: ClassVar = 57_600.0
    # One organisation's addresses that hang leave room for the others'.
    limited_by: ClassVar = "tenant"
    slots: ClassVar = 4

    delivery_id: UUID


class PublishEvent(JobArgs):
    """Put an event up for delivery to every address that asked for it."""

    job_type: ClassVar = "PUBLISH_EVENT"
    queue: ClassVar = "webhooks"

    event: str
    dedupe_key: str
    data: dict[str, Any]


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


JOB_TYPES: dict[str, type[JobArgs]] = {
    args.job_type: args
    for args in (
        TriageTicket,
        KbSuggest,
        SmartReply,
        SlaPredict,
        MetricsSnapshot,
        CleanUp,
        ReconcileIndex,
        RetrainTriage,
        DeliverNotification,
        MakeThumbnail,
        BackUp,
        SlaReport,
        ExportTickets,
        SendEmail,
        SendWebhook,
        PublishEvent,
    )
}
