"""Reading a stream of the API as a client does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

EVENTS = "/api/v1/events"
NOTIFICATIONS = "/api/v1/notifications/stream"


class Stream:
    """The events of an open stream, one after the other."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.comments: list[str] = []

    async def next(self, *, within_s: float = 10) -> dict[str, Any]:
        """Return the next event; the position alone comes as one without a kind."""
        return await asyncio.wait_for(self._events.get(), within_s)

    async def next_told(self) -> dict[str, Any]:
        """Return the next event that is more than a count or a position."""
        while (event := await self.next()).get("event") in {None, "unread"}:
            pass
        return event

    async def is_silent_for(self, seconds: float) -> bool:
        """Tell whether nothing but counts comes for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.next_told()
                return False
        return True

    async def read(self) -> None:
        """Read until the stream ends."""
        event: dict[str, Any] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                event[name] = json.loads(value) if name == "data" else value
            elif line.startswith(":"):
                self.comments.append(value)
            elif not line and event:
                self._events.put_nowait(event)
                event = {}


@asynccontextmanager
async def follow(client: httpx.AsyncClient, path: str, *, after: str | None = None) -> AsyncIterator[Stream]:
    """Open a stream, from a position on or from now; the first event it has is its position."""
    headers = {"Last-Event-ID": after} if after else {}
    async with client.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer.aiter_lines())
        reading = asyncio.create_task(stream.read())
        try:
            yield stream
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
