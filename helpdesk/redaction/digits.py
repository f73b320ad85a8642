"""Digits as people write them: in any script, with something between the groups."""

from __future__ import annotations

# One sign between two groups: spaces, hyphens, and what shows nothing at all.
GAP = "[ \u00a0\u2000-\u200d\u202f\u205f\u2060\ufeff\u00ad\u2010-\u2015\u2212-]"


def ascii_digits(words: str) -> str:
    """Return the digits of a text, of any script, as those of ASCII."""
    return "".join(str(int(character)) for character in words if character.isdecimal())
