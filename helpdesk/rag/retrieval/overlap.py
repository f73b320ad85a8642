"""How much of a query stands in a passage word for word: names, codes and menus are found by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from helpdesk.rag.text.language import DEFAULT_LANGUAGES, language_of_small_words
from helpdesk.rag.text.stop_words import STOP_WORDS
from helpdesk.rag.text.terms import UNSPACED, stem

Floats = NDArray[np.float64]

# Of a long ticket the start says what it is about, and each word costs a look into each passage.
_MOST_WORDS = 80
_MOST_NEEDLES = 40
# Candidates are few and alike: without the rest of a corpus a word in all of them would weigh less than nothing.
_CORPUS = 120
_ENOUGH_PHRASES = 4
_WORD = re.compile(r"[^\W_]+")
# `HL809` is written `HL-809` as well, and `KB5034441` is named by its number.
_CODE_BORDER = re.compile(r"(?<=[^\W\d_])(?=\d\d)|(?<=\bv)(?=\d)")
_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}


@dataclass(frozen=True)
class Overlap:
    """What of a query the candidates share, each float64 [candidates], 0 to 1.

    Attributes:
        covered: share of the query's words, weighted by how few candidates have them; words that none has are left out.
        whole: the same with those words, weighted as the rarest: 1 where one passage has all that was asked for.
        rare: as `covered` with the rarest words counting far more.
        phrase: share of the pairs of neighbouring words that stand side by side in the passage.
        phrases: how many pairs, four being enough.
    """

    covered: Floats
    whole: Floats
    rare: Floats
    phrase: Floats
    phrases: Floats


def overlap(query: str, passages: Sequence[str]) -> Overlap:
    """Return what each passage (with its title and headings) shares with a query.

    Words are compared by the start they share in their possible languages' stems, short words whole, codes by their
    letters and by their digits.
    """
    words = [match.group() for match in _WORD.finditer(_with_codes_split(query))][:_MOST_WORDS]
    texts = [f" {' '.join(_with_codes_split(passage).translate(_SPACES).split())} " for passage in passages]
    stop = STOP_WORDS[language_of_small_words(query) or "en"]
    single = list(dict.fromkeys(needle for word in words if word not in stop for needle in _needles(word)))
    pairs = dict.fromkeys(f" {one} {two}" for one, two in pairwise(words) if one not in stop and two not in stop)
    found, together = _occurrences(single, texts), _occurrences(list(pairs), texts)
    rarity = _rarity(found)
    weights = rarity * (found.sum(axis=0) > 0)
    return Overlap(
        covered=_share(found, weights),
        whole=_share(found, rarity),
        rare=_share(found, weights**3),
        phrase=_share(together, _rarity(together)),
        phrases=np.minimum(together.sum(axis=1), _ENOUGH_PHRASES) / _ENOUGH_PHRASES,
    )


def _with_codes_split(text: str) -> str:
    return _CODE_BORDER.sub(" ", text.lower())


def _occurrences(needles: Sequence[str], texts: Sequence[str]) -> Floats:
    chosen = needles[:_MOST_NEEDLES]
    return np.array([[needle in text for needle in chosen] for text in texts], dtype=float).reshape(
        len(texts), len(chosen)
    )


def _rarity(found: Floats) -> Floats:
    counts = found.sum(axis=0)
    return np.asarray(np.log(1 + (np.maximum(_CORPUS - counts, 0) + 0.5) / (counts + 0.5)))


def _share(found: Floats, weights: Floats) -> Floats:
    return np.asarray(found @ weights / max(float(weights.sum()), 1e-9))


@lru_cache(maxsize=50_000)
def _needles(word: str) -> tuple[str, ...]:
    if UNSPACED.search(word):
        return tuple(word[place : place + 2] for place in range(max(1, len(word) - 1)))
    if len(word) <= 3 or any(letter.isdigit() for letter in word):
        return (f" {word} ",)
    shortest = min((stem(word, language) for language in DEFAULT_LANGUAGES), key=len)
    shared = next((n for n, (a, b) in enumerate(zip(word, shortest, strict=False)) if a != b), len(shortest))
    return (f" {word[: max(shared, 3)]}",)
