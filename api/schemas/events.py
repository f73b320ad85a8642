"""What happened to a ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from api.schemas.bodies import View
from helpdesk.models.values import AuthorKind


class EventView(View):
    """One thing that happened."""

    id: UUID
    ticket_id: UUID
    kind: str
    occurred_at: datetime
    actor_kind: AuthorKind
    actor_id: UUID | None
    data: dict[str, Any]
