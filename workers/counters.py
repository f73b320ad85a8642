"""What a job worker has done since it started."""

from __future__ import annotations

from dataclasses import dataclass


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
