"""Which models a runtime has, as it said a short while ago."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from helpdesk.ai.providers.breaker import Breaker

FRESH_S = 60.0
# A model that is still being fetched is looked for again soon.
FRESH_WITHOUT_MODEL_S = 5.0


@dataclass(frozen=True)
class Listed:
    """A model of a runtime.

    Attributes:
        remote: whether the runtime has it computed by somebody else, to whom it sends the text on.
        context_tokens: how long a text may be, None where the list does not say.
    """

    digest: str
    remote: bool = False
    context_tokens: int | None = None


class Listing:
    """The runtime's models and their digests, asked for at most once a minute.

    Args:
        fetch: asks the runtime; models by full name.
        name: what its breaker is called in health reports.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Mapping[str, Listed]]], *, name: str = "listing") -> None:
        self.breaker = Breaker(name)
        self._fetch = fetch
        self._models: Mapping[str, Listed] = {}
        self._asked_at = -FRESH_S
        self._one_at_a_time = asyncio.Lock()

    async def find(self, name: str, *, fresh: bool = False) -> Listed | None:
        """Return a model, None when the runtime does not have it; ask anew when it must be fresh."""
        began = time.monotonic()
        async with self._one_at_a_time:
            lasts = FRESH_S if full_name(name) in self._models else FRESH_WITHOUT_MODEL_S
            # Whoever waited for another's question has its answer.
            asked_meanwhile = self._asked_at >= began
            if not asked_meanwhile and (fresh or began - self._asked_at >= lasts):
                with self.breaker.guard():
                    self._models = await self._fetch()
                self._asked_at = time.monotonic()
        return self._models.get(full_name(name))


def full_name(name: str) -> str:
    """Return a model's name with its tag."""
    return name if ":" in name else f"{name}:latest"


def is_cloud_name(name: str) -> bool:
    """Return whether a name is one that Ollama gives to models which its maker computes."""
    return full_name(name).endswith(("-cloud", ":cloud"))
