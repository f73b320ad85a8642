"""Fit single heads to rows of examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.heads import Memory, Near, NearHead, NetHead, WordHead, nearest
from helpdesk.triage.classifying.nets import train_nets

# What a label scores that no example had: less than any that some had.
ABSENT = -2.0
# From here on single texts matter less, and a softer fit does better.
_MANY = 8000
_MEMORY_DIMS = 128
_BLOCK = 1024


@dataclass(frozen=True)
class Rows:
    """The examples of one field as matrices.

    Attributes:
        words: sparse float32 [examples, terms].
        vectors: float32 [examples, dims]; zeros where there is none. None where no example has one.
        has_vector: which have one.
        points: the vectors in the coordinates of the memory.
        places: where each stands in the memory, -1 where it does not.
        texts: how many texts the memory has.
        targets: places in `labels`; one behind the last for those that fit none.
        weights: how much each counts.
        is_ticket: false for articles and anchors, which teach but are not tested on.
        is_anchor: vectors without words that stand for a label; they are no text that could be met again.
        labels: the values there are.
        scores: how many scores a head gives: one for each label, and one more where some fit none.
    """

    words: Any
    vectors: NDArray[np.float32] | None
    has_vector: NDArray[np.bool_]
    points: NDArray[np.float32] | None
    places: NDArray[np.int64]
    texts: int
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]
    is_ticket: NDArray[np.bool_]
    is_anchor: NDArray[np.bool_]
    labels: tuple[str, ...]
    scores: int

    @property
    def binary(self) -> bool:
        """Tell whether it is a matter of yes and no, such as a tag; there are many of those, and they are simple."""
        return self.scores == 2


def fit_words(rows: Rows, chosen: NDArray[np.bool_]) -> WordHead:
    """Return a linear model of the terms of the chosen examples (support vectors, one label against the rest)."""
    # Half of what a worker's start would take, for what few workers ever do.
    from sklearn.svm import LinearSVC  # noqa: PLC0415

    here = chosen & ~rows.is_anchor
    targets = rows.targets[here]
    present = np.unique(targets)
    weights = np.zeros((rows.words.shape[1], rows.scores), dtype=np.float16)
    bias = np.full(rows.scores, ABSENT, dtype=np.float32)
    if len(present) < 2:
        bias[present] = 1.0
        return WordHead(weights, bias)
    machine = LinearSVC(C=0.3 if len(targets) > _MANY else 1.0, tol=1e-3, max_iter=20_000, random_state=0)
    machine.fit(rows.words[here], targets, sample_weight=rows.weights[here])
    coefficients, intercepts = machine.coef_, machine.intercept_
    if len(present) == 2:
        coefficients = np.vstack([-coefficients, coefficients])
        intercepts = np.concatenate([-intercepts, intercepts])
    weights[:, present] = coefficients.T
    bias[present] = intercepts
    return WordHead(weights, bias)


def fit_net(rows: Rows, chosen: NDArray[np.bool_], *, members: int) -> NetHead:
    """Return the mean of several nets trained on the vectors of the chosen examples."""
    assert rows.vectors is not None
    here = chosen & rows.has_vector
    return train_nets(rows.vectors[here], rows.targets[here], rows.weights[here], scores=rows.scores, members=members)


def fit_memory(vectors: NDArray[np.float32]) -> Memory:
    """Return a memory of vectors in the directions in which they differ most."""
    _, directions = np.linalg.eigh((vectors.T @ vectors).astype(np.float64))
    basis = np.ascontiguousarray(directions[:, ::-1][:, :_MEMORY_DIMS], dtype=np.float32)
    return Memory(basis, vectors @ basis)


def vote_head(rows: Rows, chosen: NDArray[np.bool_]) -> NearHead:
    """Return the head by which the chosen examples vote, among all the texts of the memory."""
    here = chosen & (rows.places >= 0)
    targets, weights = np.full(rows.texts, -1, dtype=np.int16), np.zeros(rows.texts, dtype=np.float16)
    targets[rows.places[here]] = rows.targets[here]
    weights[rows.places[here]] = rows.weights[here] / max(float(rows.weights[here].mean()), 1e-9)
    return NearHead(targets, weights, rows.scores)


def near_among(rows: Rows, asked: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Near:
    """Return the chosen examples nearest to those asked for, as places in the memory."""
    assert rows.points is not None
    among = np.flatnonzero(chosen & (rows.places >= 0))
    blocks = [
        nearest(rows.points[asked[start : start + _BLOCK]] @ rows.points[among].T)
        for start in range(0, len(asked), _BLOCK)
    ]
    places = np.concatenate([block.places for block in blocks])
    return Near(rows.places[among][places], np.concatenate([block.similarities for block in blocks]))
