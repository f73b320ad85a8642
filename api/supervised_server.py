"""uvicorn's server, as a service manager likes it: it says when it serves, that it lives, and that it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from helpdesk.observability.level import set_log_level
from helpdesk.supervision.environment_file import reread
from helpdesk.supervision.hangup import on_hangup
from helpdesk.supervision.notify import notify, watchdog_interval

# What clients that keep their connection get to hear of the end with an answer, rather than with a connection that
# closes under their next request.
_FAREWELL_S = 0.3


class SupervisedServer(uvicorn.Server):
    """Tells the service manager, for which being told to stop is a success.

    Args:
        kept: whether the manager keeps the sockets open: who connects from the stop on is served by the next process.
        log_level: what the process began with.
    """

    def __init__(self, config: uvicorn.Config, *, kept: bool = False, log_level: str = "info") -> None:
        super().__init__(config)
        self._log_level = log_level
        self._kept = kept
        self._feeding: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Note the signals to stop, as uvicorn does."""
        with super().capture_signals():
            yield
            # Else the signal is raised once more, and a clean stop looks like a death.
            self._captured_signals.clear()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        on_hangup(lambda: set_log_level(reread("ATUM_LOG_LEVEL") or self._log_level))
        if (interval := watchdog_interval()) is not None:
            self._feeding = asyncio.create_task(_feed_watchdog(interval), name="watchdog")
        await super().startup(sockets)
        if self.started and not self.should_exit:
            notify("READY=1", "STATUS=serving")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is in flight, then end."""
        notify("STOPPING=1", "STATUS=answering what is in flight")
        if self._kept:
            await self._say_farewell()
        await super().shutdown(sockets)
        if self._feeding is not None:
            self._feeding.cancel()

    async def _say_farewell(self) -> None:
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await asyncio.sleep(_FAREWELL_S)


async def _feed_watchdog(interval_s: float) -> None:
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
