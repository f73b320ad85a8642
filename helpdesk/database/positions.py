"""Positions in the primary's log, and how far a replica must be so that a reader may be sent there."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from uuid import UUID

from helpdesk.errors import Invalid

# No log gets there: until something is known, no replica is far enough.
UNKNOWN = 2**63 - 1
# Looks at the primary's position within the longest lag; more would say the same.
_LOOKS = 10
_WRITTEN = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")


class PositionMalformed(Invalid):
    """A position in the database's log is written as two hexadecimal numbers, such as 0/3000148."""


def read_position(text: str) -> int:
    """Read a position as PostgreSQL writes it.

    Raises:
        PositionMalformed: it is not one.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise PositionMalformed
    return (int(found[1], 16) << 32) + int(found[2], 16)


def write_position(position: int) -> str:
    """Write a position as PostgreSQL does."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


class Positions:
    """What one process knows of the primary's log.

    A replica that has replayed what `demanded` says shows all that this process wrote for an organisation, and nothing
    on it is older than the longest lag, whatever the clocks of the servers say.
    """

    def __init__(self, *, lag_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lag_s = lag_s
        self._clock = clock
        self._looks: deque[tuple[float, int]] = deque()
        # In the order of their times.
        self._written: dict[UUID, tuple[float, int]] = {}
        self._lost_sight_of: dict[UUID, float] = {}

    @property
    def wants_look(self) -> bool:
        """Return whether the newest look at the primary's position is old enough for another."""
        return not self._looks or self._clock() - self._looks[-1][0] >= self._lag_s / _LOOKS

    def now(self) -> float:
        """Return the time to give to `looked`, before the primary is asked."""
        return self._clock()

    def looked(self, position: int, *, asked_at: float) -> None:
        """Note the primary's position, which it told at some moment since `asked_at`."""
        self._looks.append((asked_at, position))
        self._forget()

    def wrote(self, organization_id: UUID, position: int) -> None:
        """Note that something is written for an organisation, all of it before this position."""
        self._forget()
        _, known = self._written.pop(organization_id, (0.0, 0))
        self._written[organization_id] = (self._clock(), max(position, known))

    def lost_sight_of(self, organization_id: UUID) -> None:
        """Note that something was written for an organisation, and that nobody could say before which position."""
        self._lost_sight_of[organization_id] = self._clock()

    def demanded(self, organization_id: UUID) -> int:
        """Return the position a replica must have replayed; UNKNOWN where too little is known to say."""
        self._forget()
        if not self._looks or organization_id in self._lost_sight_of:
            return UNKNOWN
        # Of the looks within the lag the oldest: what was there at the lag's beginning is before it.
        return max(self._looks[0][1], self._written.get(organization_id, (0.0, 0))[1])

    def _forget(self) -> None:
        """Drop what is older than the lag: what was written then is before every look that is left."""
        since = self._clock() - self._lag_s
        while self._looks and self._looks[0][0] < since:
            self._looks.popleft()
        while self._written and (oldest := next(iter(self._written.items())))[1][0] < since:
            del self._written[oldest[0]]
        for organization_id in [known for known, at in self._lost_sight_of.items() if at < since]:
            del self._lost_sight_of[organization_id]
