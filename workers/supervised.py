"""What the service manager is told of a worker: that it is ready, how it does, that its loops live, that it ends.

Where none asked, nothing runs.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

from helpdesk.queue.link import CONNECTION_ERRORS
from helpdesk.supervision.notify import notify, watchdog_interval
from workers.loops import pause
from workers.pulse import Pulse

_TELL_S = 5.0
_TRY_AGAIN_S = 1.0
_AWAY = (*CONNECTION_ERRORS, asyncpg.PostgresError, DBAPIError)

log = structlog.get_logger()


async def _nothing() -> str:
    return "running"


class Supervised:
    """Tells the service manager about one worker process.

    Attributes:
        says: returns one line about the work in hand and the work that waits, from a cheap look at the database; what
            it raises when PostgreSQL is away is told as that.
        pulse: give it the turns of the loops that work. While one of them hangs the watchdog is not fed, and the
            manager starts the process anew; the same happens when all of the event loop stands still.
    """

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._tasks: list[asyncio.Task[None]] = []
        self.says: Callable[[], Awaitable[str]] = _nothing
        self.pulse = Pulse()

    def start(self) -> None:
        """Begin to tell; ready is what has seen the database once."""
        if not os.environ.get("NOTIFY_SOCKET"):
            return
        self._tasks.append(asyncio.create_task(self._tell(), name="supervision"))

    async def stop(self) -> None:
        """Tell no more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _tell(self) -> None:
        """Tell that the worker is ready, then how it does, and at last that it ends."""
        while not self._stopping.is_set():
            status = await self._status()
            if status is not None:
                notify("READY=1", f"STATUS={status}")
                if (interval := watchdog_interval()) is not None:
                    self._tasks.append(asyncio.create_task(self._feed_watchdog(interval), name="watchdog"))
                break
            await pause(self._stopping, _TRY_AGAIN_S)
        while not await pause(self._stopping, _TELL_S):
            status = await self._status()
            notify(f"STATUS={status or 'PostgreSQL does not answer'}")
        notify("STOPPING=1", "STATUS=draining")
        while True:
            if (status := await self._status()) is not None:
                notify(f"STATUS=draining: {status}")
            await asyncio.sleep(_TRY_AGAIN_S)

    async def _status(self) -> str | None:
        try:
            return await self.says()
        except _AWAY:
            return None

    async def _feed_watchdog(self, interval_s: float) -> None:
        told: list[str] = []
        while True:
            # At the end there is a limit of its own, which the manager keeps.
            hung = [] if self._stopping.is_set() else self.pulse.hung()
            if not hung:
                notify("WATCHDOG=1")
            elif hung != told:
                log.error("loops_hung", loops=hung)
                notify(f"STATUS=hung: {', '.join(hung)}")
            told = hung
            await asyncio.sleep(interval_s)
