"""A receiver of webhooks on loopback that fails in the ways receivers do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

HANG, RESET, ENDLESS, GARBAGE = "hang", "reset", "endless", "garbage"
# Half an answer's head; an answer shorter than it says; a head, or a body, that comes byte by byte.
HALF, SHORT, SLOW_HEAD, SLOW_BODY = "half", "short", "slow head", "slow body"


@dataclass(frozen=True)
class Reply:
    """An answer of a certain form."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __bytes__(self) -> bytes:
        headers = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"HTTP/1.1 {self.status} As Told\r\n{headers}Content-Length: {len(self.body)}\r\n\r\n"
        return head.encode() + self.body


@dataclass(frozen=True)
class Received:
    """One request."""

    line: str
    headers: dict[str, str]
    body: bytes

    def is_signed_by(self, secret: str) -> bool:
        """Check a signature as the receiver would, from the published description alone."""
        key = base64.b64decode(secret.split("_", 1)[1])
        content = b".".join(
            [self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body]
        )
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """What it has received, how it answered that, and what it is to do next; when the list is empty it answers 200."""

    behaviours: list[int | str | Reply] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    answered: list[int | str | Reply] = field(default_factory=list)
    port: int = 0
    location: str = ""
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?desk=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            while True:
                await self._one(reader, writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(head[0], headers, body))
        self.answered.append(self.behaviours.pop(0) if self.behaviours else 200)
        await self._answer(self.answered[-1], writer)

    async def _answer(self, behaviour: int | str | Reply, writer: asyncio.StreamWriter) -> None:
        if isinstance(behaviour, Reply):
            writer.write(bytes(behaviour))
            await writer.drain()
        elif behaviour == HANG:
            await asyncio.sleep(60)
        elif behaviour == RESET:
            connection = cast("socket.socket", writer.get_extra_info("socket"))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            raise ConnectionError
        elif behaviour == GARBAGE:
            writer.write(b"this is not HTTP\r\n\r\n")
            raise ConnectionError
        elif behaviour in {HALF, SHORT}:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Len" + (b"gth: 1000\r\n\r\nshort" if behaviour == SHORT else b""))
            raise ConnectionError
        elif behaviour in {SLOW_HEAD, SLOW_BODY}:
            writer.write(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if behaviour == SLOW_BODY else b"X-Slow: "))
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)
        elif behaviour == ENDLESS:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        else:
            location = {"Location": self.location} if self.location else {}
            writer.write(bytes(Reply(int(behaviour), location, f"status {behaviour}\x00 Grüße".encode())))
            await writer.drain()


@asynccontextmanager
async def http_receiver(
    host: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run a receiver in this event loop."""
    receiver = Receiver()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
