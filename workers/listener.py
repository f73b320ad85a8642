"""Wake-ups from PostgreSQL: a listening connection that notices its own death."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable

import asyncpg
import structlog

from helpdesk.queue.link import Link
from helpdesk.queue.wake import CHANNEL
from helpdesk.settings import Settings
from workers.loops import pause

_LOOK_S = 1.0
_PING_S = 5.0

log = structlog.get_logger()


class Listener:
    """Listens on the wake-up channel and calls back by kind.

    Its `link` also serves the worker's rare short statements, which saves a connection. Behind a pooler, where a
    connection hears nothing, it listens on one of its own that goes to PostgreSQL directly, if the settings name a way;
    if not, polling has to do.
    """

    def __init__(self, settings: Settings, *, application: str) -> None:
        direct = settings.direct
        self._ears = Link(direct, application=f"{application}-listen", on_connect=self._listen) if direct else None
        shared = None if settings.database_pgbouncer else self._ears
        self.link = shared or Link(settings, application=application)
        self._callbacks: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def on(self, kind: str, callback: Callable[[], None]) -> None:
        """Call back (with nothing) when a wake-up of this kind arrives, and after each reconnect."""
        self._callbacks[kind].append(callback)

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep listening until `stopping` is set; raise what breaks the connection, to be run again."""
        ears = self._ears
        if ears is None:
            log.info("polling_only", reason="a pooler carries no wake-ups, and ATUM_DATABASE_LISTEN_URL is not set")
            await stopping.wait()
            return
        clock = asyncio.get_running_loop()
        pinged = 0.0
        while not stopping.is_set():
            if not ears.is_open or clock.time() - pinged >= _PING_S:
                await ears.fetch("SELECT 1", within_s=_PING_S)
                pinged = clock.time()
            await pause(stopping, _LOOK_S)

    async def close(self) -> None:
        """Close the connections."""
        await self.link.close()
        if self._ears is not None:
            await self._ears.close()

    async def _listen(self, connection: asyncpg.Connection) -> None:
        await connection.add_listener(CHANNEL, self._heard)
        # Whatever was sent while nobody listened.
        for kind in list(self._callbacks):
            self._call(kind)

    def _heard(self, _connection: object, _pid: int, _channel: str, kind: object) -> None:
        self._call(str(kind))

    def _call(self, kind: str) -> None:
        for callback in self._callbacks.get(kind, ()):
            callback()
