"""Loops that outlive their errors, and waits that end when something happens."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import structlog

Loop = Callable[[], Awaitable[None]]

_FIRST_WAIT_S = 0.2
# So long a loop may sit out after PostgreSQL is back, such as on another server.
_LONGEST_WAIT_S = 3.0

log = structlog.get_logger()


async def keep_running(name: str, loop: Loop, *, stopping: asyncio.Event) -> None:
    """Run a loop until it returns; restart it after an error, waiting 0.2 s, doubling to 3 s, with jitter.

    The wait starts over once the loop has run for longer than the longest wait. An error after `stopping` is set ends
    the loop.
    """
    clock = asyncio.get_running_loop()
    wait = _FIRST_WAIT_S
    while True:
        started = clock.time()
        try:
            await loop()
        except Exception as error:  # a side task must never end the worker
            if stopping.is_set():
                return
            if clock.time() - started > _LONGEST_WAIT_S:
                wait = _FIRST_WAIT_S
            log.warning("loop_restarted", loop=name, error=f"{type(error).__name__}: {error}", wait_s=round(wait, 2))
            await pause(stopping, wait * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
            wait = min(wait * 2, _LONGEST_WAIT_S)
        else:
            return


async def run_loops(loops: Mapping[str, Loop], *, stopping: asyncio.Event) -> None:
    """Run several loops side by side until each has returned, which they do once `stopping` is set."""
    async with asyncio.TaskGroup() as group:
        for name, loop in loops.items():
            group.create_task(keep_running(name, loop, stopping=stopping), name=name)


async def pause(event: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set or the seconds are over; return whether it is set."""
    if not event.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
    return event.is_set()
