"""Append to a ticket's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.tickets import TicketEvent
from helpdesk.models.values import AuthorKind


async def record(
    session: AsyncSession,
    *,
    organization_id: UUID,
    ticket_id: UUID,
    kind: str,
    now: datetime,
    actor_kind: AuthorKind = AuthorKind.SYSTEM,
    actor_id: UUID | None = None,
    data: dict[str, Any] | None = None,
) -> TicketEvent:
    """Append one event; events of one transaction keep the order they are recorded in.

    Args:
        kind: what happened, such as `ticket.opened`, `message.added`, `ticket.status_changed`.
        now: when it happened (UTC).
        data: what a reader needs to understand it, JSON values only.
    """
    event = TicketEvent(
        organization_id=organization_id,
        ticket_id=ticket_id,
        kind=kind,
        occurred_at=now,
        actor_kind=actor_kind,
        actor_id=actor_id,
        data=data or {},
    )
    session.add(event)
    await session.flush()
    return event
