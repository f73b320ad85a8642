"""How late the event loop of the API is, for its metrics."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from helpdesk.observability.metrics.process import LOOP

_EVERY_S = 0.5


@asynccontextmanager
async def loop_watched() -> AsyncIterator[None]:
    """Measure the lag of this event loop while the context is open."""
    watching = asyncio.create_task(_watch(), name="loop lag")
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


async def _watch() -> None:
    try:
        while True:
            LOOP.came_round(next_in_s=_EVERY_S)
            await asyncio.sleep(_EVERY_S)
    finally:
        # From here on nobody comes round, and nothing is late.
        LOOP.came_round(next_in_s=math.inf)
