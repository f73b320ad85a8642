"""A mail server on loopback that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

DROP = "drop the connection"
HOLD = "hold the answer back"
_HELD_S = 60
# How much of a message is read before the connection is dropped in its midst.
_A_BIT = 20


@dataclass
class Sink:
    """What the server has seen, and what it is to answer; an answer in a list is used up, the others stay.

    Attributes:
        to_recipient: answers by recipient.
        to_message: answers to whole messages, or DROP to go away without one, or HOLD to be late with it.
        at: what happens the next times that a stage is reached (CONNECT, MAIL, RCPT, or DATA, the middle of a message):
            DROP or HOLD, or, for CONNECT, a refusal.
        taken: envelope recipients and message of each one that was accepted, dropped ones too.
        connections: how often somebody connected.
    """

    to_sender: list[str] = field(default_factory=list)
    to_recipient: dict[str, list[str]] = field(default_factory=dict)
    to_message: list[str] = field(default_factory=list)
    at: dict[str, list[str]] = field(default_factory=dict)
    taken: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    connections: int = 0
    open: set[SMTP] = field(default_factory=set)
    url: str = ""

    def hang_up(self) -> None:
        """Close every connection without a word."""
        for server in self.open:
            if server.transport is not None:
                cast("Any", server.transport).abort()

    async def handle_EHLO(  # noqa: N802 (the library's name)
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.to_sender:
            return self.to_sender.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.to_recipient.get(address):
            return self.to_recipient[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.to_message.pop(0) if self.to_message else "250 OK"
        if answer in {DROP, HOLD} or answer.startswith("2"):
            message = message_from_bytes(cast("bytes", envelope.content), policy=policy.default)
            self.taken.append((list(envelope.rcpt_tos), message))
        if answer == DROP:
            cast("Any", server.transport).abort()
            return "250 never heard"
        if answer == HOLD:
            await asyncio.sleep(_HELD_S)
        return answer


class _Server(SMTP):
    """One connection."""

    def __init__(self, sink: Sink, **options: Any) -> None:
        super().__init__(sink, **options)
        self._sink = sink
        sink.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._sink.open.discard(self)

    async def _handle_client(self) -> None:
        refusal = await self._mood("CONNECT")
        if refusal:
            await self.push(refusal)
            cast("Any", self.transport).close()
            return
        await super()._handle_client()

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        await self._mood("MAIL")
        await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        await self._mood("RCPT")
        await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self._sink.at.get("DATA"):
            await self.push("354 Go on")
            await self._reader.readexactly(_A_BIT)
            await self._mood("DATA")
        await super().smtp_DATA(arg)

    async def _mood(self, stage: str) -> str | None:
        moods = self._sink.at.get(stage)
        mood = moods.pop(0) if moods else None
        if mood == HOLD:
            await asyncio.sleep(_HELD_S)
        if mood == DROP:
            cast("Any", self.transport).abort()
            raise ConnectionResetError
        return mood


@asynccontextmanager
async def smtp_sink(**options: Any) -> AsyncIterator[Sink]:
    """Run a mail server in this event loop."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: _Server(sink, **options), "127.0.0.1", 0)
    sink.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield sink
    finally:
        server.close()
        sink.hang_up()
        # For the transports to close and the tasks to end.
        while sink.open:  # noqa: ASYNC110
            await asyncio.sleep(0)
