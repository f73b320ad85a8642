"""The heads of a field's model: each turns what is known of a text into one score a label. Arrays only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Neighbours that have a say; those of a field are found among the nearest few hundred of all fields.
NEIGHBOURS = 30
_LOOKED_AT = 240
# A neighbour of similarity .9 counts e² times as much as one of .8.
_SHARPNESS = 20.0
# What a label without any neighbour counts: a tenth of one neighbour of similarity .4.
_NO_NEIGHBOUR = 0.1 * float(np.exp(-0.6 * _SHARPNESS))
# Unit vectors of some hundred numbers have tiny ones; a net learns from larger ones.
NET_SCALE = 10.0


@dataclass(frozen=True)
class Near:
    """The nearest texts of the memory: their places and similarities, likest first; one row a text, or one text's."""

    places: NDArray[np.int64]
    similarities: NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """What a classifier knows of a text.

    Attributes:
        rows, weights: its known terms, as rows of the heads' weights, and what each counts.
        vector: None where there is none.
        near: texts like it, None without a vector or a memory.
    """

    rows: NDArray[np.int32]
    weights: NDArray[np.float32]
    vector: NDArray[np.float32] | None
    near: Near | None


@dataclass(frozen=True)
class WordHead:
    """A linear model of terms: float16 [terms, labels] and float32 [labels]."""

    weights: NDArray[np.float16]
    bias: NDArray[np.float32]

    def scores(self, view: View) -> NDArray[np.float32] | None:
        """Return one score a label."""
        return np.asarray(view.weights @ self.weights[view.rows].astype(np.float32) + self.bias)

    def scores_of(self, words: Any) -> NDArray[np.float32]:
        """Return scores [texts, labels] of a sparse matrix of terms."""
        return np.asarray(words @ self.weights.astype(np.float32) + self.bias)


@dataclass(frozen=True)
class NetHead:
    """A net of one hidden layer on vectors.

    Attributes:
        inner: float32 [dims, hidden].
        inner_bias: float32 [hidden].
        outer: float32 [hidden, labels].
        bias: float32 [labels].
    """

    inner: NDArray[np.float32]
    inner_bias: NDArray[np.float32]
    outer: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, view: View) -> NDArray[np.float32] | None:
        """Return one score a label, None without a vector."""
        return None if view.vector is None else self.scores_of(view.vector)

    def scores_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores [..., labels] of vectors [..., dims]."""
        hidden = np.maximum(vectors @ self.inner * np.float32(NET_SCALE) + self.inner_bias, 0)
        return np.asarray(hidden @ self.outer + self.bias)


@dataclass(frozen=True)
class AnchorHead:
    """Similarity to what stands for each label: float32 [dims, labels]."""

    weights: NDArray[np.float32]

    def scores(self, view: View) -> NDArray[np.float32] | None:
        """Return one score a label, None without a vector."""
        return None if view.vector is None else np.asarray(view.vector @ self.weights)


@dataclass(frozen=True)
class NearHead:
    """The votes of similar texts.

    Attributes:
        targets: the label of each text of the memory, -1 where it has none; int16 [texts].
        weights: what its vote counts; float16 [texts].
        labels: how many there are.
    """

    targets: NDArray[np.int16]
    weights: NDArray[np.float16]
    labels: int

    def scores(self, view: View) -> NDArray[np.float32] | None:
        """Return the logarithm of the votes for each label, None without neighbours."""
        if view.near is None:
            return None
        return np.asarray(self.scores_of(Near(view.near.places[None], view.near.similarities[None]))[0])

    def scores_of(self, near: Near) -> NDArray[np.float32]:
        """Return scores [texts, labels]."""
        targets = self.targets[near.places]
        votes = np.exp(_SHARPNESS * (near.similarities - 1)) * self.weights[near.places].astype(np.float32)
        labelled = targets >= 0
        counted = labelled & (np.cumsum(labelled, axis=1) <= NEIGHBOURS)
        found = np.full((len(targets), self.labels), _NO_NEIGHBOUR, dtype=np.float32)
        texts, columns = np.nonzero(counted)
        np.add.at(found, (texts, targets[texts, columns]), votes[texts, columns])
        return np.log(found)

    def familiarity_of(self, near: Near, *, labels: int) -> NDArray[np.float32]:
        """Return the mean similarity of the three nearest texts that have one of the first `labels` labels."""
        targets = self.targets[near.places]
        labelled = (targets >= 0) & (targets < labels)
        counted = labelled & (np.cumsum(labelled, axis=1) <= 3)
        found = np.where(counted, near.similarities, 0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
        return np.asarray(found, dtype=np.float32)


Head = WordHead | NetHead | AnchorHead | NearHead


@dataclass(frozen=True)
class Memory:
    """The texts learnt from, as vectors of fewer numbers.

    Attributes:
        basis: turns a vector into one of them; float32 [dims, fewer].
        points: float32 [texts, fewer].
    """

    basis: NDArray[np.float32]
    points: NDArray[np.float32]

    def near(self, vector: NDArray[np.float32]) -> Near:
        """Return the texts most like a vector."""
        return nearest(self.points @ (vector @ self.basis))


def nearest(similarities: NDArray[np.float32]) -> Near:
    """Return the largest similarities of each row, or of the one row there is, with their places."""
    count = min(_LOOKED_AT, similarities.shape[-1])
    if count < similarities.shape[-1]:
        places = np.argpartition(similarities, -count, axis=-1)[..., -count:]
    else:
        places = np.broadcast_to(np.arange(count), similarities.shape)
    chosen = np.take_along_axis(similarities, places, axis=-1)
    order = np.argsort(-chosen, axis=-1, kind="stable")
    return Near(np.take_along_axis(places, order, axis=-1), np.take_along_axis(chosen, order, axis=-1))


def log_softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithms of the softmax over the last axis."""
    shifted = np.asarray(scores, dtype=np.float64) - np.max(scores, axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
