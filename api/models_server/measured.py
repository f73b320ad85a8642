"""Measures what the server answers, for its metrics."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from helpdesk.observability.metrics import http


class Measured:
    """Counts every answer.

    Args:
        paths: those that there are; the others are the callers' own.
    """

    def __init__(self, app: ASGIApp, *, paths: Collection[str]) -> None:
        self.app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, took, status = time.perf_counter(), 0.0, 0

        async def answer(message: Message) -> None:
            nonlocal took, status
            if message["type"] == "http.response.start":
                took, status = time.perf_counter() - began, message["status"]
            await send(message)

        path = scope["path"]
        try:
            with http.IN_FLIGHT.track_inprogress():
                await self.app(scope, receive, answer)
        finally:
            known = path if path in self._paths else None
            http.answered(scope["method"], known, status, took or time.perf_counter() - began)
