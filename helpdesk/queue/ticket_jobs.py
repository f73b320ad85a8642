"""Jobs that look at one ticket with the models, or at its files."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from helpdesk.models.values import JobPriority, UserRole
from helpdesk.queue.args import JobArgs


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
    # How the draft is wanted; what is None is left to the organisation and the ticket.
    tone: Literal["neutral", "friendly", "formal"] | None = None
    length: Literal["short", "medium", "long"] | None = None
    language: str | None = None
    instruction: str | None = None
    requested_by: UUID | None = None


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


class ExtractText(JobArgs):
    """Take the text out of an attachment for the search index, or find that there is none."""

    job_type: ClassVar = "EXTRACT_TEXT"
    queue: ClassVar = "files"
    priority: ClassVar = JobPriority.LOW
    max_retries: ClassVar = 3
    timeout_s: ClassVar = 60
    enqueue_role: ClassVar = UserRole.AGENT
    # Each reads in a process of its own, of up to 768 MB.
    most_per_worker: ClassVar = 2

    attachment_id: UUID
