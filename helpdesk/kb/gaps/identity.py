"""Which gap of an earlier run a cluster is: the one that most of its questions were in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

Gap = TypeVar("Gap")

# Of the smaller of the two, so many questions must be in both.
_SHARE = 0.5


def matched(clusters: Sequence[Collection[str]], gaps: Mapping[Gap, Collection[str]]) -> dict[int, Gap]:
    """Return the earlier gap of each cluster that has one; no two clusters get the same.

    The pair that shares most goes first, so that of a gap that fell apart the larger part keeps its place, and of two
    that grew together the one with more in it.

    Args:
        clusters: keys of the questions of each cluster.
        gaps: keys of the questions that each gap had, those that are still asked.
    """
    pairs = []
    for place, keys in enumerate(clusters):
        here = set(keys)
        for order, (gap, before) in enumerate(gaps.items()):
            both = len(here.intersection(before))
            if both and both >= _SHARE * min(len(here), len(set(before))):
                pairs.append((-both, place, order, gap))
    found: dict[int, Gap] = {}
    taken: set[int] = set()
    for _, place, order, gap in sorted(pairs, key=lambda pair: pair[:3]):
        if place not in found and order not in taken:
            found[place] = gap
            taken.add(order)
    return found
