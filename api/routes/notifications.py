"""What a user is told: their own notifications only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.dependencies import FROM_REPLICA, CurrentUser, Now, ReadSession, Transaction, needs
from api.paging import PageOf, Paging
from api.schemas.notifications import MarkedRead, NoticeDeliveryView, NotificationView, ToMarkRead, UnreadCount
from helpdesk.accounts.roles import require_role
from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeState, UserRole
from helpdesk.notifications import commands, queries
from helpdesk.notifications.delivery_queries import list_notice_deliveries

router = APIRouter(prefix="/notifications", tags=["notifications"])


@router.get("", summary="List my notifications")
async def list_notifications(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    unread: Annotated[bool, Query(description="Only those not read yet.")] = False,
    kind: Annotated[tuple[NoticeKind, ...], Query(description="Only of this kind; may be given again.")] = (),
    ticket_id: Annotated[UUID | None, Query(description="Only those on this ticket.")] = None,
) -> PageOf[NotificationView]:
    """Read the user's notifications, the newest first."""
    rows = await queries.list_notifications(
        session,
        organization_id=user.organization_id,
        user_id=user.id,
        kinds=kind,
        ticket_id=ticket_id,
        unread_only=unread,
        before=page.after_id(),
        limit=page.look_ahead,
    )
    return page.of(rows, NotificationView.model_validate, lambda row: (row.id,))


@router.get("/unread-count", summary="Count my unread notifications")
async def unread_count(session: ReadSession, user: CurrentUser) -> UnreadCount:
    """Count what the user has not read, also by kind."""
    return UnreadCount.of(await queries.count_unread(session, organization_id=user.organization_id, user_id=user.id))


@router.get("/deliveries", summary="See who was told, and why not", dependencies=[FROM_REPLICA])
async def list_deliveries(
    *,
    session: ReadSession,
    user: CurrentUser,
    page: Paging,
    user_id: Annotated[UUID | None, Query(description="Another user; takes the role admin.")] = None,
    ticket_id: Annotated[UUID | None, Query(description="Only those on this ticket.")] = None,
    channel: Annotated[NoticeChannel | None, Query(description="Only by this channel.")] = None,
    state: Annotated[NoticeState | None, Query(description="Only in this state.")] = None,
) -> PageOf[NoticeDeliveryView]:
    """Read what became of each notice by each channel, the newest first: one's own, or as an admin anybody's."""
    if user_id not in {None, user.id}:
        require_role(user.role, UserRole.ADMIN)
    rows = await list_notice_deliveries(
        session,
        organization_id=user.organization_id,
        user_id=user_id or user.id,
        ticket_id=ticket_id,
        channel=channel,
        state=state,
        before=page.after_id(),
        limit=page.look_ahead,
    )
    return page.of(rows, NoticeDeliveryView.model_validate, lambda row: (row.id,))


@router.post("/read-all", summary="Mark all as read", dependencies=[needs(UserRole.VIEWER)])
async def mark_all_read(
    session: Transaction, user: CurrentUser, now: Now, which: ToMarkRead | None = None
) -> MarkedRead:
    """Mark the user's notifications as read: all of them, or those that the body says."""
    wanted = which or ToMarkRead()
    marked = await commands.mark_all_read(
        session, organization_id=user.organization_id, user_id=user.id, now=now, **wanted.model_dump()
    )
    return MarkedRead(marked=marked)


@router.post("/{notification_id}/read", summary="Mark one as read", dependencies=[needs(UserRole.VIEWER)])
async def mark_read(notification_id: UUID, session: Transaction, user: CurrentUser, now: Now) -> NotificationView:
    """Mark one of the user's own notifications as read; doing it again changes nothing."""
    notification = await commands.mark_read(
        session, organization_id=user.organization_id, user_id=user.id, notification_id=notification_id, now=now
    )
    return NotificationView.model_validate(notification)


@router.post("/{notification_id}/unread", summary="Mark one as not read", dependencies=[needs(UserRole.VIEWER)])
async def mark_unread(notification_id: UUID, session: Transaction, user: CurrentUser) -> NotificationView:
    """Mark one of the user's own notifications as not read; doing it again changes nothing."""
    notification = await commands.mark_unread(
        session, organization_id=user.organization_id, user_id=user.id, notification_id=notification_id
    )
    return NotificationView.model_validate(notification)
