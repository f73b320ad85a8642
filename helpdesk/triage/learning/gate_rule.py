"""When triage may no longer set a field by itself, and when it may again: what its running accuracy says.

A gate falls when the predictions judged lately were wrong more often than chance explains: with the accuracy that is
wanted, so many wrong ones of so many would come up less than once in a hundred times (one-sided binomial test). It
opens again, by what was judged since, only where the share that was right reaches what is wanted: not falling is easier
than coming back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import comb

# Judged predictions that are looked at, the newest, and how old they may be.
NEWEST = 50
DAYS = 30
LEAST_TO_FALL = 10
LEAST_TO_RECOVER = 20
CHANCE = 0.01
# A value that was set and left untouched until the ticket was settled: silence is half a consent.
UNTOUCHED = 0.5
# Of no field can every value be right; one slip must not shut its gate.
_HIGHEST_FLOOR = 0.99


@dataclass(frozen=True)
class Judged:
    """A prediction that somebody judged, or that was set and left untouched.

    Attributes:
        correct: whether it was right.
        weight: 1 for a judgement, less for silence.
        needed: how likely it had to be right: what the policy wants of a value that was set, and of an offered one what
            it promised where that is less.
        made_at: when it was predicted.
        judged_at: when it was judged, or the ticket settled.
    """

    field: str
    value: str
    correct: bool
    weight: float
    needed: float
    made_at: datetime
    judged_at: datetime


@dataclass(frozen=True)
class Tally:
    """How a gate's predictions did.

    Attributes:
        judged: how many, the untouched ones by half.
        correct: how many of these were right.
        floor: the share that had to be right; None of none.
    """

    judged: float = 0.0
    correct: float = 0.0
    floor: float | None = None

    @property
    def accuracy(self) -> float | None:
        """Return the share that was right, None of none."""
        return self.correct / self.judged if self.judged else None

    @property
    def chance(self) -> float:
        """Return how likely at least as many would be wrong if the floor were kept."""
        if self.floor is None:
            return 1.0
        total, wrong, slip = round(self.judged), round(self.judged - self.correct), 1 - self.floor
        return 1.0 - sum(comb(total, count) * slip**count * (1 - slip) ** (total - count) for count in range(wrong))


def tally(judged: Sequence[Judged], *, since: datetime | None) -> Tally:
    """Return how the newest 50 did of those that were predicted after a time."""
    counted = [one for one in judged if since is None or one.made_at > since]
    newest = sorted(counted, key=lambda one: one.judged_at, reverse=True)[:NEWEST]
    total = sum(one.weight for one in newest)
    if not total:
        return Tally()
    needed = sum(one.weight * one.needed for one in newest) / total
    correct = sum(one.weight for one in newest if one.correct)
    return Tally(total, correct, min(needed, _HIGHEST_FLOOR))


def has_fallen(found: Tally) -> bool:
    """Return whether an open gate falls."""
    return found.judged >= LEAST_TO_FALL and found.chance < CHANCE


def has_recovered(found: Tally) -> bool:
    """Return whether a fallen gate opens, by what was predicted and judged since it fell."""
    accuracy = found.accuracy
    return (
        found.judged >= LEAST_TO_RECOVER
        and accuracy is not None
        and found.floor is not None
        and accuracy >= found.floor
    )


def told(found: Tally) -> str:
    """Return a tally in words."""
    if found.accuracy is None or found.floor is None:
        return "nothing was judged"
    return f"{found.accuracy:.0%} of {found.judged:g} were right, {found.floor:.0%} had to be"
