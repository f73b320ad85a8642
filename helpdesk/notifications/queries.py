"""Read what a user was told."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.notifications import Notification


async def list_notifications(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID,
    unread_only: bool = False,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Notification]:
    """Return a user's notifications, the newest first; `before` is the id of the last one already seen."""
    statement = select(Notification).where(
        Notification.organization_id == organization_id, Notification.user_id == user_id
    )
    if unread_only:
        statement = statement.where(Notification.read_at.is_(None))
    if before is not None:
        statement = statement.where(Notification.id < before)
    return (await session.scalars(statement.order_by(Notification.id.desc()).limit(limit))).all()


async def count_unread(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> int:
    """Return how many notifications the user has not read."""
    statement = (
        select(func.count())
        .select_from(Notification)
        .where(
            Notification.organization_id == organization_id,
            Notification.user_id == user_id,
            Notification.read_at.is_(None),
        )
    )
    return (await session.scalar(statement)) or 0
