"""The stream of what happens to tickets (server-sent events)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.dependencies import ServicesOfApp, Visitor
from api.schemas.events import EventView
from api.services import Services
from helpdesk.events.stream import Cursor, StreamedEvent, latest_cursor, read_events

router = APIRouter(tags=["events"])
_HEARTBEAT_S = 15
_BATCH = 200


@router.get(
    "/events",
    summary="Follow what happens",
    response_class=EventSourceResponse,
    responses={200: {"description": "A stream of events.", "content": {"text/event-stream": {}}}},
)
async def follow(
    services: ServicesOfApp,
    user: Visitor,
    last_event_id: Annotated[str | None, Header(description="`id` of the last event received.")] = None,
    after: Annotated[str | None, Query(description="The same, for clients that cannot send the header.")] = None,
    ticket_id: Annotated[UUID | None, Query(description="Only the events of one ticket.")] = None,
) -> EventSourceResponse:
    """Send every event after `Last-Event-ID`, then each new one as it happens.

    Without a position the stream starts now. Each event's `id` is its position, its `event` the kind, its `data`
    a JSON object. A comment line every 15 seconds keeps the connection open.
    """
    given = last_event_id or after
    start = Cursor.parse(given) if given else await _now(services, user.organization_id)
    return EventSourceResponse(
        _events(services, user.organization_id, start, ticket_id),
        ping=_HEARTBEAT_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
    )


async def _now(services: Services, organization_id: UUID) -> Cursor:
    async with services.database.transaction(organization_id) as session:
        return await latest_cursor(session, organization_id=organization_id)


async def _events(
    services: Services, organization_id: UUID, cursor: Cursor, ticket_id: UUID | None
) -> AsyncIterator[ServerSentEvent]:
    # Something to read at once tells the client that the stream stands, and from where to go on.
    yield ServerSentEvent(comment="stream open", id=str(cursor))
    while True:
        async with services.database.transaction(organization_id) as session:
            batch = await read_events(session, organization_id=organization_id, after=cursor, limit=_BATCH)
        for event in batch:
            cursor = event.cursor
            if ticket_id is None or event.ticket_id == ticket_id:
                yield _message(event)
        if len(batch) < _BATCH:
            await services.events.wait_beyond(organization_id, cursor)


def _message(event: StreamedEvent) -> ServerSentEvent:
    data = EventView.model_validate(event).model_dump(mode="json")
    return ServerSentEvent(id=str(event.cursor), event=event.kind, data=json.dumps(data, ensure_ascii=False))
