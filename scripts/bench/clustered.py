"""Seeded passages that lie and read as real ones do: in clusters of few dimensions, whose topics all tenants share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

TOPICS = 1000
WORDS = 40_000
# Dimensions that the topics lie in, and those that one topic spreads in.
_RANK, _SPREAD_RANK = 48, 8
_SPREAD, _NOISE = 0.6, 0.25
_TOPIC_WORDS = 60
_FROM_TOPIC = 0.35
# Without stop words the most frequent word is in a fifth of all passages.
_ZIPF_SHIFT = 20
LONGEST = 100
_SHORTEST = 20

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """Some passages: their topics [n], unit vectors [n, dims], words [n, LONGEST] and how many of these count [n]."""

    topics: Ints
    vectors: Floats
    words: Ints
    lengths: Ints


@dataclass
class Clusters:
    """The topics, and what is drawn from them."""

    dims: int
    seed: int = 7
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        rng = np.random.default_rng(1)
        basis = rng.standard_normal((_RANK, self.dims)).astype(np.float32)
        self._centres = _unit(rng.standard_normal((TOPICS, _RANK)).astype(np.float32) @ basis)
        self._directions = _unit(rng.standard_normal((TOPICS, _SPREAD_RANK, self.dims)).astype(np.float32))
        popularity = 1 / (np.arange(TOPICS) + 10.0)
        self._popularity = np.cumsum(popularity / popularity.sum())
        frequency = 1 / (np.arange(WORDS) + float(_ZIPF_SHIFT))
        self._frequency = np.cumsum(frequency / frequency.sum())
        self._of_topic = rng.integers(200, WORDS, (TOPICS, _TOPIC_WORDS))

    @cached_property
    def vocabulary(self) -> list[str]:
        """Return the words by their number; the smaller it is, the more frequent the word."""
        rng = random.Random(1)
        return ["".join(rng.choices("abcdefghiklmnoprtuvw", k=rng.randint(4, 9))) + "o" for _ in range(WORDS)]

    def draw(self, count: int) -> Drawn:
        """Return the next passages."""
        rng = self._rng
        topics = np.searchsorted(self._popularity, rng.random(count)).clip(max=TOPICS - 1)
        spread = rng.standard_normal((count, _SPREAD_RANK)).astype(np.float32) * (_SPREAD / _SPREAD_RANK**0.5)
        noise = rng.standard_normal((count, self.dims)).astype(np.float32) * (_NOISE / self.dims**0.5)
        vectors = self._centres[topics] + np.einsum("nr,nrd->nd", spread, self._directions[topics]) + noise
        anywhere = np.searchsorted(self._frequency, rng.random((count, LONGEST))).clip(max=WORDS - 1)
        # Of a topic's words, too, some are said far more often than others.
        chosen = (_TOPIC_WORDS * rng.random((count, LONGEST)) ** 2).astype(np.int64)
        of_topic = self._of_topic[topics[:, None], chosen]
        words = np.where(rng.random((count, LONGEST)) < _FROM_TOPIC, of_topic, anywhere)
        return Drawn(topics, _unit(vectors), words, rng.integers(_SHORTEST, LONGEST + 1, count))

    def queries(self, count: int) -> Iterator[tuple[str, Floats]]:
        """Yield questions: three, eight or forty words, and their vector."""
        drawn = self.draw(count)
        for number in range(count):
            words = [self.vocabulary[word] for word in drawn.words[number][: (3, 8, 40)[number % 3]]]
            yield " ".join(words), drawn.vectors[number]


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def cut(total: int, rng: random.Random) -> list[int]:
    """Cut passages into documents of one to four, about two and a half each; return how many each has."""
    sizes: list[int] = []
    while total > 0:
        sizes.append(min(total, rng.choice((1, 2, 2, 3, 4))))
        total -= sizes[-1]
    return sizes


def starts(sizes: list[int]) -> list[int]:
    """Return where each document's passages begin."""
    return [0, *accumulate(sizes)][:-1]
