"""Whose call of a text model is next: one that a person waits for goes before others, which still get their turn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Protocol

from helpdesk.observability.metrics.models import waiting_for_turn

# Calls that people wait for, made in a row while another one waits; then it is that one's turn.
MOST_IN_A_ROW = 4
# What a call that nobody waits for gives way to people of other processes, at most.
GIVES_WAY_S = 30.0
LOOKS_AGAIN_S = 0.25


class Line(Protocol):
    """The people of all processes who wait for a text model."""

    def standing(self) -> AbstractAsyncContextManager[None]:
        """Be seen as somebody who waits, while the context is open."""
        ...

    async def is_empty(self) -> bool:
        """Return whether nobody waits in another process."""
        ...


class Turns:
    """Hands out the turns of one process.

    Calls that a person waits for come first, in the order of their arrival. Among the others, the first in line gives
    way to people of this process and of others, but not for ever: after four calls that people waited for, or 30
    seconds of people in other processes, it is its turn.

    Args:
        at_once: calls made at the same time.
        line: where the people of other processes are seen; None where there are none.
    """

    def __init__(self, *, at_once: int = 1, line: Line | None = None, gives_way_s: float = GIVES_WAY_S) -> None:
        self._free = at_once
        self._line = line
        self._gives_way_s = gives_way_s
        self._people: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._in_a_row = 0
        self._first_in_line = asyncio.Lock()

    @asynccontextmanager
    async def turn(self, *, interactive: bool) -> AsyncIterator[None]:
        """Wait for a turn, and have it while the context is open."""
        async with self._standing() if interactive else nullcontext():
            with waiting_for_turn(interactive=interactive):
                if interactive:
                    await self._take(self._people)
                else:
                    await self._take_when_nobody_waits()
            try:
                yield
            finally:
                self._pass_on()

    def _standing(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._line is None else self._line.standing()

    async def _take_when_nobody_waits(self) -> None:
        async with self._first_in_line:
            until = time.monotonic() + self._gives_way_s
            while True:
                await self._take(self._others)
                if await self._may_go(until):
                    return
                self._pass_on()
                await asyncio.sleep(LOOKS_AGAIN_S)

    async def _may_go(self, until: float) -> bool:
        if self._line is None or time.monotonic() >= until:
            return True
        try:
            return await self._line.is_empty()
        except BaseException:
            self._pass_on()
            raise

    async def _take(self, waiting: deque[asyncio.Future[None]]) -> None:
        if self._free and not self._people and not self._others:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            elif turn in waiting:
                waiting.remove(turn)
            raise

    def _pass_on(self) -> None:
        """Give a turn that has ended to whoever is next."""
        while waiting := self._next_line():
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _next_line(self) -> deque[asyncio.Future[None]] | None:
        if self._people and (not self._others or self._in_a_row < MOST_IN_A_ROW):
            self._in_a_row = self._in_a_row + 1 if self._others else 0
            return self._people
        self._in_a_row = 0
        return self._others or None
