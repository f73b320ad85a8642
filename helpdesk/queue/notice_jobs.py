"""Jobs that tell somebody of something."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field, StringConstraints

from helpdesk.models.values import Audience, JobPriority, NoticeKind, UserRole
from helpdesk.queue.args import JobArgs

# No character that could begin another header.
_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"
_ADDRESS = r"^[^@\s<>,;\x00-\x1f\x7f]+@[^@\s<>,;\x00-\x1f\x7f]+$"
Recipient = Annotated[str, StringConstraints(pattern=_ADDRESS, max_length=254)]
MessageId = Annotated[str, StringConstraints(pattern=r"^<[!-;=?-~]+@[!-;=?-~]+>$", max_length=250)]


class DeliverNotification(JobArgs):
    """Tell the people concerned with a ticket or an article that something happened, each of them once.

    Attributes:
        ticket_id, article_id: what it is about, one of the two.
        who: the audiences it is meant for.
        user_ids: people it is meant for by name.
        actor_id: the user whose doing it was, who is not told of it.
        data: what a reader needs to understand it; `due_at` is a time (RFC 3339), `message_id` names a message of the
            ticket that mails are to quote. About an article it has `article_id`, `article_slug` and `article_title`.
    """

    job_type: ClassVar = "DELIVER_NOTIFICATION"
    queue: ClassVar = "notifications"
    priority: ClassVar = JobPriority.HIGH

    kind: NoticeKind
    ticket_id: UUID | None = None
    article_id: UUID | None = None
    dedupe_key: str
    title: str
    who: tuple[Audience, ...] = (Audience.ASSIGNEE,)
    user_ids: tuple[UUID, ...] = ()
    actor_id: UUID | None = None
    data: dict[str, str | int | None] = {}


class SendDigest(JobArgs):
    """Mail a user what was collected for them."""

    job_type: ClassVar = "SEND_DIGEST"
    queue: ClassVar = "notifications"

    user_id: UUID


class SendEmail(JobArgs):
    """Send a mail; the tries span about a day.

    Attributes:
        to: who it is addressed to; each recipient sees the others.
        text, html: the same words twice.
        in_reply_to, references: Message-IDs, with their angle brackets.
        list_id: what a mail program sorts such mails by (RFC 2919), without angle brackets.
        tells: whether it delivers notices, whose record is to say that it was sent.
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
    list_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=250)] | None = None
    tells: bool = False
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
