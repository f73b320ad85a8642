"""Tell open event streams that there is something to read, with one look a second per organisation."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self
from uuid import UUID

import structlog

from helpdesk.database.engine import Database
from helpdesk.events.stream import START, Cursor, latest_cursor

log = structlog.get_logger(__name__)
_LOOK_EVERY_S = 1.0
_LOOK_AFTER_FAILURE_S = 5.0


class EventWatch:
    """Looks at the newest event of each organisation that has streams open, however many those are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watched: Counter[UUID] = Counter()
        self._newest: dict[UUID, Cursor] = {}
        self._changed = asyncio.Condition()
        self._look_now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def nudge(self) -> None:
        """Look at once: this process has just committed something."""
        self._look_now.set()

    async def wait_beyond(self, organization_id: UUID, cursor: Cursor) -> None:
        """Return when the organisation has an event after a position."""
        self._watched[organization_id] += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._newest.get(organization_id, START) > cursor)
        finally:
            self._watched[organization_id] -= 1
            if self._watched[organization_id] <= 0:
                del self._watched[organization_id]
                self._newest.pop(organization_id, None)

    async def _run(self) -> None:
        pause = _LOOK_EVERY_S
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._look_now.wait()
            except TimeoutError:
                pass
            self._look_now.clear()
            try:
                await self._look()
                pause = _LOOK_EVERY_S
            except Exception as error:  # a stream outlives a database that is away for a while
                log.warning("event_watch_failed", error=repr(error))
                pause = _LOOK_AFTER_FAILURE_S

    async def _look(self) -> None:
        for organization_id in list(self._watched):
            async with self._database.transaction(organization_id) as session:
                newest = await latest_cursor(session, organization_id=organization_id)
            if newest > self._newest.get(organization_id, START):
                async with self._changed:
                    self._newest[organization_id] = newest
                    self._changed.notify_all()
