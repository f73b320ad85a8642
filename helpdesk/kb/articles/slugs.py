"""The name of an article in a URL."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 80
# Letters that decompose into nothing ASCII knows.
_SPELLED_OUT = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ł": "l", "đ": "d", "þ": "th"})


def slug_of(title: str, *, fallback: str) -> str:
    """Return a title in lower-case ASCII words joined by hyphens; `fallback` where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", title.lower().translate(_SPELLED_OUT)).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:_LONGEST].rstrip("-") or fallback
