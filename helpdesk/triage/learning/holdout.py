"""Which tickets are scored by a classifier that has learnt from older ones only."""

from __future__ import annotations

from itertools import pairwise

from helpdesk.triage.learning.lessons import TicketExample

# With fewer held-out tickets a fifth tells nothing, and the blocks are taken.
LEAST_HELD_OUT = 25
_BLOCKS = 4

Round = tuple[list[TicketExample], list[TicketExample]]


def newest_fifth(tickets: list[TicketExample]) -> Round | None:
    """Return the older tickets and the newest fifth; None where that is too little to tell anything.

    Args:
        tickets: in the order they were opened.
    """
    cut = len(tickets) - len(tickets) // 5
    return (tickets[:cut], tickets[cut:]) if len(tickets) - cut >= LEAST_HELD_OUT else None


def blocks(tickets: list[TicketExample]) -> list[Round]:
    """Return each of four blocks in the order of time with those before it; the first has none."""
    edges = [len(tickets) * block // _BLOCKS for block in range(_BLOCKS + 1)]
    pairs = [(tickets[:start], tickets[start:end]) for start, end in pairwise(edges)]
    return [pair for pair in pairs if all(pair)]


def rounds_of(tickets: list[TicketExample]) -> list[Round]:
    """Return what is learnt from and what is scored: the newest fifth, or blocks where that is too little."""
    held_out = newest_fifth(tickets)
    return blocks(tickets) if held_out is None else [held_out]
