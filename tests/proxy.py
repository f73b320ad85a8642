"""A network in between that a test can cut: connections stay open, and nothing comes through any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import make_url


class Proxy:
    """Forwards TCP connections to a server's socket while the line is up."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._up = asyncio.Event()
        self._up.set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0

    def url(self, direct_url: str) -> str:
        """Return the URL of the same database through the proxy."""
        return f"postgresql://atum@127.0.0.1:{self.port}/{make_url(direct_url).database}"

    def cut(self) -> None:
        """Let nothing through, in either direction; new connections open and hear nothing."""
        self._up.clear()

    def heal(self) -> None:
        """Let through what has waited, and everything from now on."""
        self._up.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until either side closes it."""
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        for source, target in ((reader, server_writer), (server_reader, writer)):
            pump = asyncio.create_task(self._pump(source, target))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while data := await source.read(65536):
                    await self._up.wait()
                    target.write(data)
                    await target.drain()
                await self._up.wait()
        finally:
            target.close()

    async def close(self) -> None:
        """Drop every connection."""
        pumps = list(self._pumps)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


@asynccontextmanager
async def proxy(socket_folder: Path) -> AsyncIterator[Proxy]:
    """Stand before the PostgreSQL of a socket folder."""
    between = Proxy(socket_folder / ".s.PGSQL.5432")
    server = await asyncio.start_server(between.connected, "127.0.0.1", 0)
    between.port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        await between.close()
        server.close()
