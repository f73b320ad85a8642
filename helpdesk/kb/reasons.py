"""Why an article is suggested, in a sentence that an agent can check at a glance."""

from __future__ import annotations

import re

from helpdesk.rag.retrieval.query import SearchResult
from helpdesk.rag.text.terms import words_of

_WORD = re.compile(r"[^\W_]+(?:[.:_-][^\W_]+)*")
_MOST_WORDS = 3
_CLOSE = 0.5
_FAIRLY_CLOSE = 0.35


def why(ticket: str, result: SearchResult) -> str:
    """Return the reason: words that ticket and passage share, where they stand, closeness, solved tickets."""
    in_heading = _shared(ticket, f"{result.title} {result.heading_path}", result.language)
    in_text = [word for word in _shared(ticket, result.content, result.language) if word not in in_heading]
    parts = []
    if in_heading:
        place = f"Its section “{result.heading_path}”" if result.heading_path else "Its title"
        parts.append(f"{place} names {_listed(in_heading)}")
    if in_text:
        parts.append(f"{'its text' if parts else 'Its text'} mentions {_listed(in_text)}")
    if (sim := result.signals.get("sim")) is not None and sim >= _FAIRLY_CLOSE:
        degree = "close" if sim >= _CLOSE else "fairly close"
        parts.append(f"{'its' if parts else 'Its'} meaning is {degree} to the ticket's ({sim:.2f})")
    if (result.signals.get("graph") or 0) > 0:
        parts.append(f"{'it' if parts else 'It'} solved similar tickets before")
    if not parts:
        return "Words and meaning together make it likely."
    return f"{_joined(parts)}."


def _shared(ticket: str, text: str, language: str | None) -> list[str]:
    """Return words of the ticket, as written, that the text has in some form; codes first, then longer ones."""
    known = set(words_of(text, language))
    shared: dict[str, str] = {}
    for word in _WORD.findall(ticket):
        stems = words_of(word, language)
        if stems and stems[0] in known and len(word) > 2:
            shared.setdefault(stems[0], word)
    ranked = sorted(shared.values(), key=lambda word: (not any(map(str.isdigit, word)), -len(word), word))
    return ranked[:_MOST_WORDS]


def _listed(words: list[str]) -> str:
    return _joined([f"“{word}”" for word in words])


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
