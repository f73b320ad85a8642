"""An answer in the making, as a stream of server-sent events; who leaves ends the work."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TypeVar
from uuid import UUID

import anyio
from fastapi import Request
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.asking_slots import AskingSlots
from api.problems import problem_of

EVENT_STREAM = "text/event-stream"
_HEARTBEAT_S = 10
# What an answer under way gets when the server stops.
_FAREWELL_S = 2.0
_Event = TypeVar("_Event")


def accepts(request: Request, media_type: str) -> bool:
    """Return whether a request names a media type among those it takes."""
    return media_type in [part.split(";", 1)[0].strip() for part in request.headers.get("Accept", "").split(",")]


def stream_answer(
    request: Request,
    slots: AskingSlots,
    events: AsyncGenerator[_Event],
    *,
    organization_id: UUID,
    named: Callable[[_Event], tuple[str, BaseModel]],
) -> EventSourceResponse:
    """Return the response that tells events as they come, holding one of the process's slots meanwhile.

    Args:
        named: an event's name and its data.
    """

    async def messages() -> AsyncIterator[ServerSentEvent]:
        try:
            async with slots.taken(organization_id), aclosing(events):
                async for event in events:
                    name, view = named(event)
                    yield ServerSentEvent(event=name, data=view.model_dump_json())
        except Exception as error:  # the status has left already; the stream says what went wrong
            yield ServerSentEvent(event="error", data=await problem_of(request, error))

    return EventSourceResponse(
        messages(),
        ping=_HEARTBEAT_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
        shutdown_event=anyio.Event(),
        shutdown_grace_period=_FAREWELL_S,
    )
