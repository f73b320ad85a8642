"""A text as hashed, weighted terms: what the word half of the classifier reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

WIDTH = 1 << 17
_WORD = re.compile(r"[^\W_]+(?:[-.'][^\W_]+)*")
_PIECES = (3, 4, 5)
# Text beyond this repeats what was said before, quotes others or is a log.
_READ_CHARS = 4000
_MANY_TEXTS = 5000


@dataclass(frozen=True)
class Terms:
    """The terms of one text: their places in the hashed space, and how often each occurs."""

    places: NDArray[np.int32]
    counts: NDArray[np.float32]


def _features(text: str) -> Iterator[str]:
    """Yield words, pairs of neighbours, and pieces of words, which carry compounds, endings and typing errors."""
    words = _WORD.findall(text[:_READ_CHARS].lower())
    yield from words
    for first, second in pairwise(words):
        yield f"{first} {second}"
    for word in words:
        padded = f"<{word}>"
        for size in _PIECES:
            for start in range(len(padded) - size + 1 if len(padded) > size else 0):
                yield padded[start : start + size]


def terms_of(text: str) -> Terms:
    """Return the hashed terms of a text, places in rising order."""
    counts = Counter(crc32(feature.encode()) % WIDTH for feature in _features(text))
    places = np.array(sorted(counts), dtype=np.int32)
    return Terms(places, np.array([counts[place] for place in places.tolist()], dtype=np.float32))


def inverse_document_frequencies(texts: Sequence[Terms]) -> NDArray[np.float32]:
    """Return ln((1 + n) / (1 + df)) + 1 for each place, float32 [WIDTH]; a place that no text has is 0.

    Of many texts, what occurs in one alone teaches nothing and is left out.
    """
    frequencies = np.zeros(WIDTH, dtype=np.float64)
    for terms in texts:
        frequencies[terms.places] += 1
    weights = np.log((1 + len(texts)) / (1 + frequencies)) + 1
    least = 2 if len(texts) > _MANY_TEXTS else 1
    return np.asarray(np.where(frequencies >= least, weights, 0.0), dtype=np.float32)


def weigh(terms: Terms, idf: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (1 + ln count) x idf for each place of a text, scaled to length 1 (to nothing when no term is known)."""
    weights = (1 + np.log(terms.counts)) * idf[terms.places]
    length = float(np.linalg.norm(weights))
    return np.asarray(weights / length if length else weights, dtype=np.float32)
