"""Wait for what happens somewhere else."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx


async def eventually(
    holds: Callable[[], bool | Awaitable[bool]], *, within_s: float = 10, every_s: float = 0.05
) -> None:
    """Ask again and again until the answer is yes; raise TimeoutError when it is not in time."""
    async with asyncio.timeout(within_s):
        while True:
            answer = holds()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(every_s)


async def answers(client: httpx.AsyncClient, path: str, wanted: Callable[[Any], bool], *, within_s: float = 60) -> Any:
    """Get a resource again and again until it is as wanted, and return it; fail with the last answer otherwise."""
    deadline = time.monotonic() + within_s
    while not wanted(found := (await client.get(path)).json()):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return found
