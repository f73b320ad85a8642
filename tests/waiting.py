"""Wait for what happens somewhere else."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable


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
