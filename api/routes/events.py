"""The stream of what happens to tickets (server-sent events)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sse_starlette import EventSourceResponse

from api.dependencies import ServicesOfApp, Visitor
from api.live import STREAM, After, Batch, LastEventId, Source, live, message
from api.schemas.events import EventView
from helpdesk.events.stream import Cursor, latest_cursor, read_events

router = APIRouter(tags=["events"])
_BATCH = 200


@router.get("/events", summary="Follow what happens", response_class=EventSourceResponse, responses=STREAM)
async def follow(
    services: ServicesOfApp,
    user: Visitor,
    last_event_id: LastEventId = None,
    after: After = None,
    ticket_id: Annotated[UUID | None, Query(description="Only the events of one ticket.")] = None,
) -> EventSourceResponse:
    """Send every event after `Last-Event-ID`, then each new one as it happens.

    Without a position the stream starts now. Each event's `id` is its position, its `event` the kind, its `data`
    a JSON object. A comment line every 15 seconds keeps the connection open. A first event `reset` says that the
    position is none of this server, and that the stream starts now.
    """
    organization_id = user.organization_id

    async def read(session: Any, cursor: Cursor) -> Batch:
        found = await read_events(session, organization_id=organization_id, after=cursor, limit=_BATCH)
        wanted = [event for event in found if ticket_id in (None, event.ticket_id)]
        messages = [
            message(event.kind, EventView.model_validate(event).model_dump(mode="json"), event.cursor)
            for event in wanted
        ]
        return Batch(messages, found[-1].cursor if found else cursor, more=len(found) == _BATCH)

    async def latest(session: Any) -> Cursor:
        return await latest_cursor(session, organization_id=organization_id)

    return await live(services, Source(organization_id, None, latest, read), given=last_event_id or after)
