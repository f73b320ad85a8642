"""Whether the loops that do a worker's work still come round."""

from __future__ import annotations

import time
from collections.abc import Callable

# A statement that nobody answers is given up after a minute, and a turn of a loop may make two or three.
LONGEST_TURN_S = 180.0


class Pulse:
    """Notes the turns of loops.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def beat(self, loop: str, *, within_s: float = LONGEST_TURN_S) -> None:
        """Note that a loop came round, and within how many seconds it is to do so again."""
        self._due[loop] = self._clock() + within_s

    def rest(self, loop: str) -> None:
        """Note that a loop waits for what takes as long as it takes, such as the end of a job."""
        self._due.pop(loop, None)

    def hung(self) -> list[str]:
        """Return the loops that should have come round by now."""
        now = self._clock()
        return sorted(loop for loop, due in self._due.items() if now > due)
