"""Bands of the probability that a promise will be broken; pure.

The bounds are odds of two to one. From `HIGH` on, a clock is at least twice as likely to be breached as to be met;
below `MEDIUM` it is more than twice as likely to be met. In between, either may well happen. A clock that is late
already is no prediction any more, and has a band of its own.
"""

from __future__ import annotations

from enum import StrEnum

MEDIUM = 1 / 3
HIGH = 2 / 3


class Risk(StrEnum):
    """How likely a clock is to be breached, or that it is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    BREACHED = "breached"


# Least probability of each band and the first one beyond it; a probability of 1 is high.
BOUNDS = {Risk.LOW: (0.0, MEDIUM), Risk.MEDIUM: (MEDIUM, HIGH), Risk.HIGH: (HIGH, 1.1)}


def risk_of(probability: float) -> Risk:
    """Return the band of a probability of breach."""
    if probability >= HIGH:
        return Risk.HIGH
    return Risk.MEDIUM if probability >= MEDIUM else Risk.LOW
