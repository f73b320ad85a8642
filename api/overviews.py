"""Figures that many ask for at once, taken once every few seconds for each organisation."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar, cast

from cachetools import TTLCache

Figures = TypeVar("Figures")
_KEPT_S = 5.0
_MOST_KEPT = 4096


class Overviews:
    """Keeps figures for five seconds; of those who ask at the same time, one takes them and the others wait for it."""

    def __init__(self, *, kept_s: float = _KEPT_S) -> None:
        self._kept: TTLCache[Hashable, object] = TTLCache(maxsize=_MOST_KEPT, ttl=kept_s)
        self._taking: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, key: Hashable, take: Callable[[], Awaitable[Figures]]) -> Figures:
        """Return the figures kept under a key, or take them now; an error is the caller's and is not kept."""
        kept = self._kept.get(key)
        if kept is None:
            async with self._taking[key]:
                kept = self._kept.get(key)
                if kept is None:
                    kept = self._kept[key] = await take()
            self._taking.pop(key, None)
        return cast("Figures", kept)
