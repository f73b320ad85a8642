"""Sets of time as spans of whole microseconds since 1970 (UTC, half-open)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """Merge spans that overlap or touch; an empty or reversed span counts for nothing. The result is sorted."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Take the holes out of the spans; the result is sorted and disjoint."""
    rest = union(spans)
    for hole_start, hole_end in union(holes):
        rest = [
            piece
            for start, end in rest
            for piece in ((start, min(end, hole_start)), (max(start, hole_end), end))
            if piece[0] < piece[1]
        ]
    return rest


def clip(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """Keep what lies inside [start, end)."""
    cut = ((max(first, start), min(last, end)) for first, last in spans)
    return [span for span in cut if span[0] < span[1]]


class Openings:
    """Sorted, disjoint spans that answer "how much before" and "when is this much reached" by bisection."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = tuple(spans)
        self._starts = [start for start, _ in spans]
        self._filled = [0, *accumulate(end - start for start, end in spans)]
        self.total = self._filled[-1]

    def before(self, at: int) -> int:
        """Measure the open microseconds before an instant."""
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return 0
        start, end = self.spans[index]
        return self._filled[index] + min(at, end) - start

    def reach(self, amount: int) -> int:
        """Find the earliest instant with `amount` (0 < amount <= total) open microseconds before it."""
        index = bisect_left(self._filled, amount) - 1
        return self._starts[index] + amount - self._filled[index]
