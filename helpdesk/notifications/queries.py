"""Read what a user was told."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.notifications import Notification
from helpdesk.models.values import NoticeKind


async def list_notifications(
    session: AsyncSession,
    *,
    organization_id: UUID,
    user_id: UUID,
    kinds: Sequence[NoticeKind] = (),
    ticket_id: UUID | None = None,
    unread_only: bool = False,
    before: UUID | None = None,
    limit: int = 50,
) -> Sequence[Notification]:
    """Return a user's notifications, the newest first.

    Args:
        kinds: only of these kinds; none stands for all.
        before: the id of the last one already seen.
    """
    statement = select(Notification).where(
        Notification.organization_id == organization_id, Notification.user_id == user_id
    )
    if kinds:
        statement = statement.where(Notification.kind.in_(kinds))
    if ticket_id is not None:
        statement = statement.where(Notification.ticket_id == ticket_id)
    if unread_only:
        statement = statement.where(Notification.read_at.is_(None))
    if before is not None:
        statement = statement.where(Notification.id < before)
    return (await session.scalars(statement.order_by(Notification.id.desc()).limit(limit))).all()


async def count_unread(session: AsyncSession, *, organization_id: UUID, user_id: UUID) -> dict[str, int]:
    """Return how many notifications the user has not read, by kind; a kind of which there is none is left out."""
    rows = await session.execute(
        select(Notification.kind, func.count())
        .where(
            Notification.organization_id == organization_id,
            Notification.user_id == user_id,
            Notification.read_at.is_(None),
        )
        .group_by(Notification.kind)
        .order_by(Notification.kind)
    )
    return {row[0]: row[1] for row in rows}
