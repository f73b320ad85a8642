"""How many questions one API process answers at a time, and how many it takes of an organisation a minute."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from helpdesk.errors import Unavailable

_MINUTE_S = 60.0
_RETRY_AFTER_S = 3


class TooManyQuestions(Unavailable):
    """This server already answers as many questions as it can."""


class AskedTooOften(Unavailable):
    """The organisation has asked as many questions as it may in a minute."""


class AskingSlots:
    """Slots of one process; an organisation takes half of them at most, so that others find one.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, *, slots: int, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._slots = asyncio.Semaphore(slots)
        self._most_of_one = math.ceil(slots / 2)
        self._per_minute = per_minute
        self._clock = clock
        self._taken: Counter[UUID] = Counter()
        self._asked: defaultdict[UUID, deque[float]] = defaultdict(deque)

    def admit(self, organization_id: UUID) -> None:
        """Count a question of an organisation.

        Raises:
            TooManyQuestions: no slot is free for it.
            AskedTooOften: it has asked too many within the last minute.
        """
        if self._slots.locked() or self._taken[organization_id] >= self._most_of_one:
            raise TooManyQuestions(retry_after=_RETRY_AFTER_S)
        now, asked = self._clock(), self._asked[organization_id]
        while asked and asked[0] <= now - _MINUTE_S:
            asked.popleft()
        if len(asked) >= self._per_minute:
            wait = math.ceil(asked[0] + _MINUTE_S - now)
            raise AskedTooOften(f"At most {self._per_minute} questions a minute are taken.", retry_after=wait)
        asked.append(now)

    @asynccontextmanager
    async def taken(self, organization_id: UUID) -> AsyncIterator[None]:
        """Hold a slot for an organisation."""
        async with self._slots:
            self._taken[organization_id] += 1
            try:
                yield
            finally:
                self._taken[organization_id] -= 1
                if self._taken[organization_id] <= 0:
                    del self._taken[organization_id]
