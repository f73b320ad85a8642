"""The part of a passage that shows best why it was found."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from helpdesk.rag.text.terms import words_of

SNIPPET_CHARS = 240
_WORD = re.compile(r"\S+")
_EDGES = ".,;:!?()[]{}<>\"'*_`#|"


@dataclass(frozen=True)
class Snippet:
    """A part of a passage; highlights are pairs of character offsets (start, end) in `text`."""

    text: str
    highlights: tuple[tuple[int, int], ...]


def make_snippet(content: str, *, query_words: Collection[str], language: str | None) -> Snippet:
    """Return the window of a passage with the most different words of the query, and where they stand in it."""
    spans = [(match.start(), match.end()) for match in _WORD.finditer(content)]
    hits = [
        (start, end, matched)
        for start, end in spans
        if (matched := _matched(content[start:end], query_words, language))
    ]
    first = _best_start(hits)
    start = max((begin for begin, _ in spans if begin <= max(0, first - 40)), default=0)
    if len(content) - start < SNIPPET_CHARS:
        start = min((begin for begin, _ in spans if begin >= max(0, len(content) - SNIPPET_CHARS)), default=0)
    last = start + SNIPPET_CHARS
    end = max((stop for _, stop in spans if start < stop <= last), default=min(len(content), last))
    inside = tuple(_trimmed(content, begin, stop, start) for begin, stop, _ in hits if begin >= start and stop <= end)
    return Snippet(content[start:end], inside)


def _matched(word: str, query_words: Collection[str], language: str | None) -> frozenset[str]:
    return frozenset(words_of(word, language)) & frozenset(query_words)


def _best_start(hits: list[tuple[int, int, frozenset[str]]]) -> int:
    best, most = 0, 0
    for begin, _, _ in hits:
        inside = [matched for start, end, matched in hits if start >= begin and end <= begin + SNIPPET_CHARS - 40]
        different = len(frozenset().union(*inside))
        if different > most:
            best, most = begin, different
    return best


def _trimmed(content: str, begin: int, stop: int, start: int) -> tuple[int, int]:
    word = content[begin:stop]
    left = len(word) - len(word.lstrip(_EDGES))
    right = len(word.rstrip(_EDGES)) or len(word)
    return begin - start + min(left, right), begin - start + right
