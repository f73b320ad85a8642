"""How far what was sent is from what was drafted."""

from __future__ import annotations

from difflib import SequenceMatcher

# Longer texts are compared as far as this; comparing takes the square of it at worst.
_MOST_WORDS = 2000


def edit_distance(drafted: str, sent: str) -> float:
    """Return 0 for the same words in the same order up to 1 for none in common.

    One less the ratio of Ratcliff and Obershelp's gestalt matching over words, as `difflib.SequenceMatcher` has it:
    twice the words in matching blocks by the words of both texts. Spacing does not count.
    """
    first, second = drafted.split()[:_MOST_WORDS], sent.split()[:_MOST_WORDS]
    if first == second:
        return 0.0
    return round(1 - SequenceMatcher(None, first, second, autojunk=False).ratio(), 4)
