"""Which models a runtime has, as it said a short while ago."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from helpdesk.ai.providers.breaker import Breaker

FRESH_S = 60.0
# A model that is still being fetched is looked for again soon.
FRESH_WITHOUT_MODEL_S = 5.0


class Listing:
    """The runtime's models and their digests, asked for at most once a minute.

    Args:
        fetch: asks the runtime; digests by full name.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Mapping[str, str]]]) -> None:
        self.breaker = Breaker("listing")
        self._fetch = fetch
        self._digests: Mapping[str, str] = {}
        self._asked_at = -FRESH_S
        self._one_at_a_time = asyncio.Lock()

    async def digest_of(self, name: str, *, fresh: bool = False) -> str | None:
        """Return the digest of a model, None when the runtime does not have it; ask anew when it must be fresh."""
        began = time.monotonic()
        async with self._one_at_a_time:
            lasts = FRESH_S if full_name(name) in self._digests else FRESH_WITHOUT_MODEL_S
            # Whoever waited for another's question has its answer.
            asked_meanwhile = self._asked_at >= began
            if not asked_meanwhile and (fresh or began - self._asked_at >= lasts):
                with self.breaker.guard():
                    self._digests = await self._fetch()
                self._asked_at = time.monotonic()
        return self._digests.get(full_name(name))


def full_name(name: str) -> str:
    """Return a model's name with its tag."""
    return name if ":" in name else f"{name}:latest"
