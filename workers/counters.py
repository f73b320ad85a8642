"""What a job worker has done since it started, and how it feels."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from helpdesk.observability.metrics.process import LOOP

_CLAIMS_KEPT = 200


@dataclass
class Counters:
    """Counts of one process; `stale` are endings that came after the lease was lost."""

    claimed: int = 0
    completed: int = 0
    retried: int = 0
    dead_lettered: int = 0
    cancelled: int = 0
    handed_back: int = 0
    stale: int = 0
    rescued: int = 0

    def __post_init__(self) -> None:
        self._claims: deque[float] = deque(maxlen=_CLAIMS_KEPT)

    def claim_took(self, seconds: float) -> None:
        """Note how long a claim took."""
        self._claims.append(seconds)

    def claim_ms(self) -> dict[str, float]:
        """Return `p50` and `p95` of the last 200 claims in milliseconds; empty before the first one."""
        claims = sorted(self._claims)
        if not claims:
            return {}
        return {f"p{share}": round(1000 * claims[len(claims) * share // 100], 2) for share in (50, 95)}

    def as_dict(self) -> dict[str, Any]:
        """Return the counts by name."""
        return asdict(self)


@dataclass
class LoopLag:
    """How late the event loop is: how much longer a short sleep took than asked for.

    Marked on the loop, read from the heartbeat's thread, so that a loop that stands still is seen as well.
    """

    _due: float = field(default_factory=time.monotonic)
    _worst_s: float = 0.0

    def mark(self, *, next_in_s: float) -> None:
        """Note that the loop has come round, and when it is to do so again."""
        now = time.monotonic()
        self._worst_s = max(self._worst_s, now - self._due)
        self._due = now + next_in_s
        LOOP.came_round(next_in_s=next_in_s)

    def take_ms(self) -> float:
        """Return the worst lag since the last call, in milliseconds; what goes on now counts."""
        worst, self._worst_s = max(self._worst_s, time.monotonic() - self._due, 0.0), 0.0
        return round(1000 * worst, 1)
