"""How often an address may call what needs no account."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from helpdesk.errors import Unavailable

_MINUTE_S = 60.0
_MOST_VISITORS = 10_000


class VisitedTooOften(Unavailable):
    """There were too many requests from this address within a minute."""


class VisitRate:
    """Counts visits of one process over the last minute.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, *, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # The visitor who came least recently first; those beyond what is remembered are forgotten.
        self._visits: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, visitor: str) -> None:
        """Count a visit.

        Raises:
            VisitedTooOften: there were as many as may be within the last minute.
        """
        now, visits = self._clock(), self._visits.setdefault(visitor, deque())
        self._visits.move_to_end(visitor)
        if len(self._visits) > _MOST_VISITORS:
            self._visits.popitem(last=False)
        while visits and visits[0] <= now - _MINUTE_S:
            visits.popleft()
        if len(visits) >= self._per_minute:
            raise VisitedTooOften(retry_after=math.ceil(visits[0] + _MINUTE_S - now))
        visits.append(now)
