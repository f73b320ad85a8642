"""From how many passages on a graph index over vectors is worth having, and when it has grown stale."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Measured on one core: to scan 10,000 | 20,000 | 40,000 passages of 384 numbers takes 4 | 9 | 17 ms, of 768 numbers
# 6 | 11 | 24 ms; a graph takes 2 ms, and finds 99 to 100 % of the nearest. From 5,000 on it would be the faster, but
# at 20,000 there is little to save yet, nothing is missed, and writing into a graph costs milliseconds a passage.
BUILD_ABOVE = 20_000
DROP_BELOW = 10_000
# Deleted passages stay in a graph until it is vacuumed, and the space they took stays for good.
STALE_SHARE = 0.2
# How many vectors a search of a graph keeps in view: below the least nothing is saved, more than the most pgvector
# does not take. One in 500 finds 99 of 100 neighbours in clusters of few dimensions at any size measured.
_LEAST_EF, MOST_EF = 200, 1000
_VECTORS_A_STEP = 500
# While a model's vectors are being made, a graph would only slow their writing down.
COMPLETE_SHARE = 0.98


def ef_search_for(vectors: int) -> int:
    """Return how thoroughly to search a graph of so many vectors, until a probe knows better."""
    return min(MOST_EF, max(_LEAST_EF, vectors // _VECTORS_A_STEP))


class Step(StrEnum):
    """What to do about one graph index."""

    NOTHING = "nothing"
    BUILD = "build"
    REBUILD = "rebuild"
    DROP = "drop"


@dataclass(frozen=True)
class Limits:
    """When graph indexes are built, dropped and rebuilt; between the two numbers what is there stays."""

    build_above: int = BUILD_ABOVE
    drop_below: int = DROP_BELOW
    stale_share: float = STALE_SHARE


@dataclass(frozen=True)
class Holding:
    """The vectors of one model, organisation and kind of source.

    Attributes:
        vectors: how many there are; `passages` should have one.
        building: whether the model is not searched yet.
        indexed: vectors that the graph index was built from, None without an index.
        built_bytes, bytes: the index's size when it was built, and now.
    """

    vectors: int
    passages: int
    building: bool = False
    indexed: int | None = None
    built_bytes: int = 0
    bytes: int = 0

    @property
    def stale_share(self) -> float:
        """Return the share of the index that stands for vectors that are gone, judged by its size, 0 to 1.

        Each vector takes the same room; what there is too much of belonged to others.
        """
        if not self.indexed or not self.bytes:
            return 0.0
        needed = self.vectors * self.built_bytes / self.indexed
        return max(0.0, 1.0 - needed / self.bytes)


def next_step(holding: Holding, limits: Limits) -> Step:
    """Return what to do about the graph index of a holding."""
    if holding.indexed is None:
        complete = not holding.building or holding.vectors >= COMPLETE_SHARE * holding.passages
        return Step.BUILD if complete and holding.vectors > limits.build_above else Step.NOTHING
    if holding.vectors < limits.drop_below:
        return Step.DROP
    return Step.REBUILD if holding.stale_share > limits.stale_share else Step.NOTHING
