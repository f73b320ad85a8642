"""The stream of what happens to jobs (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.dependencies import ServicesOfApp, Visitor
from api.schemas.jobs import StreamedJobEventView
from api.services import Services
from helpdesk.errors import Unavailable
from helpdesk.queue.tail import Tail, TailedEvent

router = APIRouter(prefix="/jobs", tags=["jobs"])
_HEARTBEAT_S = 15
_LOOK_EVERY_S = 1.0
_BATCH = 500


class TooManyStreams(Unavailable):
    """This server already follows jobs for as many clients as it can."""


@router.get(
    "/events",
    summary="Follow jobs",
    response_class=EventSourceResponse,
    responses={200: {"description": "A stream of events.", "content": {"text/event-stream": {}}}},
)
async def follow_jobs(
    services: ServicesOfApp,
    user: Visitor,
    job_type: Annotated[str | None, Query(max_length=200, description="Only of jobs of this type.")] = None,
    job_id: Annotated[UUID | None, Query(description="Only of this job.")] = None,
    back: Annotated[int, Query(ge=0, le=1000, description="Begin with so many of the latest events.")] = 0,
) -> EventSourceResponse:
    """Send each transition of the organisation's jobs as it happens.

    Each event's `event` is the transition, such as `started`, its `data` a JSON object. The order is nearly that of
    time: none is lost, but one whose transaction commits late comes late. A comment line every 15 seconds keeps the
    connection open; after it broke, `back` and `GET /jobs/{id}` tell what was missed.
    """
    if services.job_streams.locked():
        raise TooManyStreams("Too many clients follow jobs; try again later, or read GET /jobs.", retry_after=30)

    def wanted(event: TailedEvent) -> bool:
        return job_type in (None, event.job_type) and job_id in (None, event.job_id)

    async def messages() -> AsyncIterator[ServerSentEvent]:
        async with services.job_streams:
            yield ServerSentEvent(comment="stream open")
            async for event in _events(services, user.organization_id, back):
                if wanted(event):
                    yield _message(event)

    return EventSourceResponse(
        messages(), ping=_HEARTBEAT_S, ping_message_factory=lambda: ServerSentEvent(comment="still here")
    )


async def _events(services: Services, organization_id: UUID, back: int) -> AsyncIterator[TailedEvent]:
    tail = Tail(organization_id)
    async with services.database.transaction(organization_id) as session:
        await tail.begin(session, back=back)
    while True:
        async with services.database.transaction(organization_id) as session:
            found = await tail.look(session, limit=_BATCH)
        for event in found:
            yield event
        if len(found) < _BATCH:
            await asyncio.sleep(_LOOK_EVERY_S)


def _message(event: TailedEvent) -> ServerSentEvent:
    data = StreamedJobEventView.model_validate(event).model_dump(mode="json")
    return ServerSentEvent(event=event.event, data=json.dumps(data, ensure_ascii=False))
