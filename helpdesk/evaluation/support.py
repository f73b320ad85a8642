"""Whether a draft's sentence is in the article it cites, measured apart from the product's own checks."""

from __future__ import annotations

import re

_GRAM = 5
# A sentence in other words shares about this much of its letters with what it says again; one about something else
# has a fifth at most.
_LEAST_SHARED = 0.6
_NUMBER = re.compile(r"\d+")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


def letters(text: str) -> str:
    """Return a text as small letters and digits alone, one space between words; links keep words and address."""
    return " ".join(re.findall(r"[^\W_]+", _LINK.sub(r"\1 \2", text).lower()))


def is_quoted(sentence: str, article: str) -> bool:
    """Return whether an article has a sentence word for word."""
    return letters(sentence) in letters(article)


def is_supported(sentence: str, article: str) -> bool:
    """Return whether an article has a sentence, or most of its letters in runs of five and all of its numbers."""
    if is_quoted(sentence, article):
        return True
    grams, known = _grams(letters(sentence)), _grams(letters(article))
    shared = len(grams & known) / len(grams) if grams else 0.0
    numbers = set(_NUMBER.findall(article))
    return shared >= _LEAST_SHARED and all(number in numbers for number in _NUMBER.findall(sentence))


def _grams(text: str) -> set[str]:
    return {text[place : place + _GRAM] for place in range(max(1, len(text) - _GRAM + 1))} if text else set()
