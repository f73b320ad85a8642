"""What a user is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.schemas.bodies import Body, Made, View
from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeState


class NotificationView(Made):
    """One notification of the user who asks."""

    kind: str
    ticket_id: UUID | None
    ticket_number: int | None
    title: str
    body: str
    data: dict[str, Any]
    read: bool
    read_at: datetime | None


class UnreadCount(View):
    """How many notifications wait."""

    unread: int
    by_kind: dict[str, int] = Field(description="Those of each kind that there are some of.")

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """Make it of the number of each kind."""
        return cls(unread=sum(counts.values()), by_kind=dict(counts))


class ToMarkRead(Body):
    """Which notifications to mark as read; all of them where nothing is given."""

    kinds: list[NoticeKind] = Field(default=[], max_length=len(NoticeKind), description="Only of these kinds.")
    ticket_id: UUID | None = Field(default=None, description="Only those on this ticket.")
    until: AwareDatetime | None = Field(
        default=None, description="Only those made up to this time, such as `created_at` of the newest one shown."
    )


class MarkedRead(View):
    """How many notifications were not read before."""

    marked: int


class NoticeDeliveryView(Made):
    """What became of one notice to one user by one channel."""

    user_id: UUID
    channel: NoticeChannel
    kind: str
    ticket_id: UUID | None
    ticket_number: int | None
    title: str
    told_as: list[str] = Field(
        description="As what the user was told: assignee, team_lead, team, leads, watchers or named."
    )
    state: NoticeState = Field(
        description="pending: waits for a digest; queued: its mail is to be sent; sent; suppressed: not told, see "
        "`reason`; failed: the mail server would not have it."
    )
    reason: str | None = Field(
        description="Why it waits or waited: burst, digest or quiet_hours. Why it was suppressed: own_change, "
        "turned_off, no_mail_server, no_address, read or inactive. Why it failed, in the mail server's words."
    )
    send_after: datetime | None = Field(description="When what waits is due.")
    sent_at: datetime | None
    job_id: UUID | None = Field(description="The job that sends the mail.")
    digest_id: UUID | None = Field(description="What went out in one mail has the same.")
