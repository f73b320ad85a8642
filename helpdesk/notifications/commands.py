"""Deliver a notice to the people it concerns."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.errors import NotFound
from helpdesk.models.accounts import TeamMember, User
from helpdesk.models.notifications import Notification
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import UserRole
from helpdesk.queue.catalog import DeliverNotification


class NotificationNotFound(NotFound):
    """There is no such notification."""


async def deliver(session: AsyncSession, *, organization_id: UUID, notice: DeliverNotification, now: datetime) -> int:
    """Put a notice before each person it concerns, and return how many were told.

    Whoever was told already is not told again, however often the job runs.

    Raises:
        NotificationNotFound: the ticket is gone.
    """
    ticket = await session.get(Ticket, notice.ticket_id)
    if ticket is None:
        raise NotificationNotFound("The ticket of this notice is gone.")
    users = await _concerned(session, organization_id=organization_id, ticket=ticket)
    if not users:
        return 0
    rows = [
        {
            "id": new_id(),
            "organization_id": organization_id,
            "user_id": user_id,
            "kind": notice.kind,
            "ticket_id": ticket.id,
            "title": notice.title,
            "body": ticket.subject,
            "data": notice.data,
            "dedupe_key": notice.dedupe_key,
            "created_at": now,
        }
        for user_id in users
    ]
    told = await session.execute(insert(Notification).values(rows).on_conflict_do_nothing().returning(Notification.id))
    return len(told.all())


async def mark_read(
    session: AsyncSession, *, organization_id: UUID, user_id: UUID, notification_id: UUID, now: datetime
) -> Notification:
    """Mark one of the user's own notifications as read; doing it again changes nothing."""
    notification = await session.scalar(
        select(Notification).where(
            Notification.id == notification_id,
            Notification.user_id == user_id,
            Notification.organization_id == organization_id,
        )
    )
    if notification is None:
        raise NotificationNotFound
    notification.read_at = notification.read_at or now
    return notification


async def mark_all_read(session: AsyncSession, *, organization_id: UUID, user_id: UUID, now: datetime) -> int:
    """Mark all of the user's notifications as read and return how many were not."""
    changed = await session.execute(
        update(Notification)
        .where(
            Notification.user_id == user_id,
            Notification.organization_id == organization_id,
            Notification.read_at.is_(None),
        )
        .values(read_at=now)
        .returning(Notification.id)
    )
    return len(changed.all())


async def _concerned(session: AsyncSession, *, organization_id: UUID, ticket: Ticket) -> list[UUID]:
    """Return the assignee; without one the team; without one those who lead the desk."""
    if ticket.assignee_id is not None:
        return [ticket.assignee_id]
    of_organization = select(User.id).where(User.organization_id == organization_id, User.active)
    if ticket.team_id is not None:
        members = of_organization.join(TeamMember, TeamMember.user_id == User.id).where(
            TeamMember.team_id == ticket.team_id
        )
        if found := list(await session.scalars(members)):
            return found
    return list(await session.scalars(of_organization.where(User.role.in_((UserRole.LEAD, UserRole.ADMIN)))))
