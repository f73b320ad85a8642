"""What a user is told: their own notifications only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.dependencies import CurrentUser, Now, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.schemas.notifications import MarkedRead, NotificationView, UnreadCount
from helpdesk.models.values import UserRole
from helpdesk.notifications import commands, queries

router = APIRouter(prefix="/notifications", tags=["notifications"])


@router.get("", summary="List my notifications")
async def list_notifications(
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    unread: Annotated[bool, Query(description="Only those not read yet.")] = False,
) -> PageOf[NotificationView]:
    """Read the user's notifications, the newest first."""
    rows = await queries.list_notifications(
        session,
        organization_id=user.organization_id,
        user_id=user.id,
        unread_only=unread,
        before=page.after_id(),
        limit=page.look_ahead,
    )
    return page.of(rows, NotificationView.model_validate, lambda row: (row.id,))


@router.get("/unread-count", summary="Count my unread notifications")
async def unread_count(session: ReadSession, user: CurrentUser) -> UnreadCount:
    """Count what the user has not read."""
    count = await queries.count_unread(session, organization_id=user.organization_id, user_id=user.id)
    return UnreadCount(unread=count)


@router.post("/read-all", summary="Mark all as read", dependencies=[needs(UserRole.VIEWER)])
async def mark_all_read(session: Transaction, user: CurrentUser, now: Now) -> MarkedRead:
    """Mark every notification of the user as read."""
    marked = await commands.mark_all_read(session, organization_id=user.organization_id, user_id=user.id, now=now)
    return MarkedRead(marked=marked)


@router.post("/{notification_id}/read", summary="Mark one as read", dependencies=[needs(UserRole.VIEWER)])
async def mark_read(notification_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> NotificationView:
    """Mark one of the user's own notifications as read; doing it again changes nothing."""
    notification = await commands.mark_read(
        session, organization_id=user.organization_id, user_id=user.id, notification_id=notification_id, now=now
    )
    return NotificationView.model_validate(notification)
