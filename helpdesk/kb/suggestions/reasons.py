"""Why an article is suggested, in a sentence that an agent can check at a glance."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from helpdesk.rag.retrieval.query import SearchResult
from helpdesk.rag.text.terms import codes_of, words_of

_WORD = re.compile(r"[^\W_]+(?:[.:_-][^\W_]+)*")
_MOST_WORDS = 3
_MOST_NUMBERS = 3
_CLOSE = 0.5
_FAIRLY_CLOSE = 0.35


@dataclass(frozen=True)
class Known:
    """What is known of an article besides the passage that was found.

    Attributes:
        products: what it is about, as its author named it.
        solved: numbers of alike tickets that it solved, the most alike first.
    """

    products: Sequence[str] = ()
    solved: Sequence[int] = ()


def why(ticket: str, result: SearchResult, known: Known | None = None) -> str:
    """Return the reason: codes, words and products that both name, where they stand, closeness, solved tickets."""
    known = known or Known()
    heading = f"{result.title} {result.heading_path}"
    codes = sorted(codes_of(ticket) & codes_of(f"{heading} {result.content}"))[:_MOST_WORDS]
    in_heading = _shared(ticket, heading, result.language, without=codes)
    in_text = _shared(ticket, result.content, result.language, without=[*codes, *in_heading])
    parts = []
    if codes:
        named = _listed([_written(code, ticket) for code in codes])
        parts.append(f"It is about the code{'s' if len(codes) > 1 else ''} {named}")
    if in_heading:
        place = f"section “{result.heading_path}”" if result.heading_path else "title"
        parts.append(f"{'its' if parts else 'Its'} {place} names {_listed(in_heading)}")
    if in_text:
        parts.append(f"{'its' if parts else 'Its'} text mentions {_listed(in_text)}")
    if products := [name for name in known.products if _names(ticket, name)][:_MOST_WORDS]:
        parts.append(f"{'it' if parts else 'It'} covers {_listed(products)}")
    if (sim := result.signals.get("sim")) is not None and sim >= _FAIRLY_CLOSE:
        degree = "close" if sim >= _CLOSE else "fairly close"
        parts.append(f"{'its' if parts else 'Its'} meaning is {degree} to the ticket's ({sim:.2f})")
    if solved := _solved(result, known):
        parts.append(f"{'it' if parts else 'It'} {solved}")
    if not parts:
        return "Words and meaning together make it likely."
    return f"{_joined(parts)}."


def _solved(result: SearchResult, known: Known) -> str:
    if known.solved:
        numbers = _joined([f"#{number}" for number in known.solved[:_MOST_NUMBERS]])
        return f"solved {numbers}, which {'is' if len(known.solved) == 1 else 'are'} alike"
    return "solved similar tickets before" if (result.signals.get("graph") or 0) > 0 else ""


def _shared(ticket: str, text: str, language: str | None, *, without: Collection[str]) -> list[str]:
    """Return words of the ticket, as written, that the text has in some form; those with digits first, then longer."""
    known = set(words_of(text, language))
    left_out = {word.casefold() for word in without}
    shared: dict[str, str] = {}
    for word in _WORD.findall(ticket):
        stems = words_of(word, language)
        if stems and stems[0] in known and len(word) > 2 and word.casefold() not in left_out:
            shared.setdefault(stems[0], word)
    ranked = sorted(shared.values(), key=lambda word: (not any(map(str.isdigit, word)), -len(word), word))
    return ranked[:_MOST_WORDS]


def _names(ticket: str, product: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(product)}(?!\w)", ticket, re.IGNORECASE) is not None


def _written(code: str, ticket: str) -> str:
    """Return a code as the ticket writes it."""
    place = ticket.casefold().find(code)
    return ticket[place : place + len(code)] if place >= 0 else code


def _listed(words: list[str]) -> str:
    return _joined([f"“{word}”" for word in words])


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
