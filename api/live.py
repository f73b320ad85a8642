"""What the live streams have in common: where they begin, how they go on, and what they say in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import Header, Query
from sqlalchemy.ext.asyncio import AsyncSession
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.event_watch import Subject
from api.services import Services
from helpdesk.events.stream import Cursor, is_ahead

_HEARTBEAT_S = 15
# After that the client comes back by itself, and is asked anew who it is.
_LONGEST_S = 3600.0
# What a stream gets to end in order when the server stops; without, clients are cut off in mid-answer.
_FAREWELL_S = 2.0

STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "A stream of events.", "content": {"text/event-stream": {}}}
}
LastEventId = Annotated[str | None, Header(description="`id` of the last event received.")]
After = Annotated[str | None, Query(description="The same, for clients that cannot send the header.")]


@dataclass(frozen=True)
class Batch:
    """What comes next in a stream.

    Attributes:
        cursor: the position after it.
        more: whether there may be more right away.
    """

    messages: list[ServerSentEvent]
    cursor: Cursor
    more: bool


@dataclass(frozen=True)
class Source:
    """What a stream is of.

    Attributes:
        subject: what it waits for, as `EventWatch` has it.
        latest: returns the position after everything so far.
        read: returns what comes after a position.
    """

    organization_id: UUID
    subject: Subject
    latest: Callable[[AsyncSession], Awaitable[Cursor]]
    read: Callable[[AsyncSession, Cursor], Awaitable[Batch]]


async def live(services: Services, source: Source, *, given: str | None) -> EventSourceResponse:
    """Return the stream from a position on, or from now.

    Raises:
        InvalidCursor: the position cannot be read.
    """
    start, first = await _begin(services, source, given)
    stopping = anyio.Event()

    async def messages() -> AsyncIterator[ServerSentEvent]:
        # Something to read at once tells the client that the stream stands, and from where to go on.
        yield first
        async for each in _go_on(services, source, start, stopping):
            yield each

    return EventSourceResponse(
        messages(),
        ping=_HEARTBEAT_S,
        ping_message_factory=lambda: _still_here(services, source),
        shutdown_event=stopping,
        shutdown_grace_period=_FAREWELL_S,
    )


def message(event: str, data: dict[str, Any], cursor: Cursor) -> ServerSentEvent:
    """Return one event of a stream."""
    return ServerSentEvent(id=str(cursor), event=event, data=json.dumps(data, ensure_ascii=False))


async def _begin(services: Services, source: Source, given: str | None) -> tuple[Cursor, ServerSentEvent]:
    cursor = Cursor.parse(given) if given else None
    async with services.database.transaction(source.organization_id) as session:
        if cursor is not None and not await is_ahead(session, cursor):
            return cursor, ServerSentEvent(comment="stream open", id=str(cursor))
        now = await source.latest(session)
    if cursor is None:
        return now, ServerSentEvent(comment="stream open", id=str(now))
    # To refuse would end a browser's stream for good, and to wait for the position to come would say nothing for days.
    words = "The position is not one of this server, which may have been restored from a backup; read everything anew."
    return now, message("reset", {"reason": "cursor_ahead", "detail": words}, now)


async def _go_on(
    services: Services, source: Source, cursor: Cursor, stopping: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    ends = asyncio.get_running_loop().time() + _LONGEST_S
    while not stopping.is_set():
        async with services.database.transaction(source.organization_id) as session:
            batch = await source.read(session, cursor)
        for each in batch.messages:
            yield each
        cursor = batch.cursor
        if batch.more:
            continue
        try:
            async with asyncio.timeout_at(ends):
                await _news_or_end(services, source, cursor, stopping)
        except TimeoutError:
            return


async def _news_or_end(services: Services, source: Source, cursor: Cursor, stopping: anyio.Event) -> None:
    """Wait until there is something to read, or the server stops."""
    news = asyncio.create_task(services.events.wait_beyond(source.organization_id, cursor, subject=source.subject))
    end = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((news, end), return_when=asyncio.FIRST_COMPLETED)
        if news.done():
            news.result()
    finally:
        news.cancel()
        end.cancel()


def _still_here(services: Services, source: Source) -> ServerSentEvent:
    waited = services.events.held_back_s(source.organization_id, subject=source.subject)
    if waited is None:
        return ServerSentEvent(comment="still here")
    return ServerSentEvent(comment=f"held back for {waited:.0f} s by a transaction that is still open")
