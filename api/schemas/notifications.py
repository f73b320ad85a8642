"""What a user is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from api.schemas.bodies import Made, View


class NotificationView(Made):
    """One notification of the user who asks."""

    kind: str
    ticket_id: UUID | None
    title: str
    body: str
    data: dict[str, Any]
    read_at: datetime | None


class UnreadCount(View):
    """How many notifications wait."""

    unread: int


class MarkedRead(View):
    """How many notifications were not read before."""

    marked: int
