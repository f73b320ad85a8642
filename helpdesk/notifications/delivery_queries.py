"""Read what became of notices: who was told by which channel, and why somebody was not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.jobs import Job
from helpdesk.models.notifications import NotificationDelivery
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import JobStatus, NoticeChannel, NoticeState

# A mail's job may end without sending: refused for good, cancelled by somebody, or given up after crashes.
_ENDED = and_(
    NotificationDelivery.state == NoticeState.QUEUED, Job.status.in_((JobStatus.DEAD_LETTER, JobStatus.CANCELLED))
)
_STATE = case((_ENDED, NoticeState.FAILED), else_=NotificationDelivery.state)
_COLUMNS = (
    NotificationDelivery.id,
    NotificationDelivery.created_at,
    NotificationDelivery.user_id,
    NotificationDelivery.channel,
    NotificationDelivery.kind,
    NotificationDelivery.ticket_id,
    Ticket.number.label("ticket_number"),
    NotificationDelivery.title,
    NotificationDelivery.told_as,
    _STATE.label("state"),
    case((_ENDED, func.coalesce(Job.last_error, Job.status)), else_=NotificationDelivery.reason).label("reason"),
    NotificationDelivery.send_after,
    NotificationDelivery.sent_at,
    NotificationDelivery.job_id,
    NotificationDelivery.digest_id,
)


async def list_notice_deliveries(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID,
    ticket_id: UUID | None = None,
    channel: NoticeChannel | None = None,
    state: NoticeState | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Row[tuple[Any, ...]]]:
    """Return what became of the notices for a user, the newest first.

    Args:
        before: the id of the last one already seen.
    """
    statement = (
        select(*_COLUMNS)
        .outerjoin(Job, Job.id == NotificationDelivery.job_id)
        .outerjoin(Ticket, Ticket.id == NotificationDelivery.ticket_id)
        .where(NotificationDelivery.organization_id == organization_id, NotificationDelivery.user_id == user_id)
    )
    if ticket_id is not None:
        statement = statement.where(NotificationDelivery.ticket_id == ticket_id)
    if channel is not None:
        statement = statement.where(NotificationDelivery.channel == channel)
    if state is not None:
        statement = statement.where(_STATE.in_((state,)))
    if before is not None:
        statement = statement.where(NotificationDelivery.id < before)
    return (await session.execute(statement.order_by(NotificationDelivery.id.desc()).limit(limit))).all()
