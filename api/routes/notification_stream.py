"""The stream of what a user is told (server-sent events)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sse_starlette import EventSourceResponse

from api.dependencies import ServicesOfApp, Visitor
from api.live import STREAM, After, Batch, LastEventId, Source, live, message
from api.schemas.notifications import NotificationView, UnreadCount
from helpdesk.events.stream import Cursor
from helpdesk.notifications.queries import count_unread
from helpdesk.notifications.stream import newest_notifications, position_of, read_notifications

router = APIRouter(prefix="/notifications", tags=["notifications"])
_BATCH = 200


@router.get("/stream", summary="Follow my notifications", response_class=EventSourceResponse, responses=STREAM)
async def follow_notifications(
    services: ServicesOfApp, user: Visitor, last_event_id: LastEventId = None, after: After = None
) -> EventSourceResponse:
    """Send the user's own notifications after `Last-Event-ID`, then each new one as it comes.

    `notification` brings one that is new or has changed, `notification.read` one that was read meanwhile, here or
    elsewhere; `data` is the notification as it stands, so its `id` tells what it replaces. `unread` follows with how
    many are not read. Without a position the stream starts now. A comment line every 15 seconds keeps the connection
    open. A first event `reset` says that the position is none of this server, and that the stream starts now.
    """
    organization_id, user_id = user.organization_id, user.id

    async def read(session: Any, cursor: Cursor) -> Batch:
        found = await read_notifications(
            session, organization_id=organization_id, user_id=user_id, after=cursor, limit=_BATCH
        )
        if not found:
            return Batch([], cursor, more=False)
        messages = [
            message(
                "notification.read" if each.read_at else "notification",
                NotificationView.model_validate(each).model_dump(mode="json"),
                position_of(each),
            )
            for each in found
        ]
        cursor = position_of(found[-1])
        unread = UnreadCount.of(await count_unread(session, organization_id=organization_id, user_id=user_id))
        messages.append(message("unread", unread.model_dump(), cursor))
        return Batch(messages, cursor, more=len(found) == _BATCH)

    async def latest(session: Any) -> Cursor:
        newest = await newest_notifications(session, organization_id=organization_id, user_ids=[user_id])
        return newest[user_id].cursor

    return await live(services, Source(organization_id, user_id, latest, read), given=last_event_id or after)
