"""Train the classifier on what agents decided: for each field the mean of up to three heads, calibrated.

A regression on vectors generalises from few examples, one on words knows product names and error codes, and the
descriptions and articles of a category stand for it before there are any examples. How much each counts, and the
temperature, are chosen on tickets the heads had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.classifier import (
    MIN_EXAMPLES,
    Classifier,
    FieldModel,
    Head,
    Part,
    keep_doubt,
    log_softmax,
)
from helpdesk.triage.classifying.features import WIDTH, Terms, inverse_document_frequencies, weigh

FOLDS = 4
_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
# Similarities to anchors lie within about .5 of each other; a lead of .08 then means odds of five to one.
_NEARNESS = 0.05
_TEMPERATURES = np.geomspace(0.3, 4.0, 30)
_VECTOR_C = 10.0
_WORD_C = 10.0
_FLOOR = -12.0
# Up to here the eigenvectors of all pairs of texts cost less than they spare.
_FEW_TEXTS = 1500


@dataclass(frozen=True)
class Example:
    """A text with the values people gave it.

    Attributes:
        terms: its hashed terms.
        vector: its vector.
        labels: value by field; a field nobody decided is absent.
        weights: how much each label counts, by field; 1 where not named.
        is_ticket: false for an article that stands for its category; it teaches, but is not tested on.
    """

    terms: Terms
    vector: NDArray[np.float32]
    labels: Mapping[str, str]
    weights: Mapping[str, float]
    is_ticket: bool = True


@dataclass(frozen=True)
class _Rows:
    """The examples of one field as matrices; `words` in the coordinates of `space`."""

    words: Any
    space: _Space
    vectors: NDArray[np.float32]
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]
    is_ticket: NDArray[np.bool_]
    labels: tuple[str, ...]
    anchor: Head | None


def train(
    examples: Sequence[Example],
    *,
    fields: Sequence[str],
    anchors: Mapping[str, Mapping[str, NDArray[np.float32]]],
    embedding: str,
    basis: str,
) -> Classifier:
    """Return a classifier for the fields with 20 labelled tickets or with anchors.

    Takes a second for a hundred tickets; run it off the event loop.

    Args:
        anchors: for each field that has them, by label, the unit vector that stands for the label.
        embedding: digest of the model that made the vectors.
        basis: hash of the values there are to choose from.
    """
    idf = inverse_document_frequencies([example.terms for example in examples])
    models: dict[str, FieldModel] = {}
    figures: dict[str, Any] = {}
    for field in fields:
        rows = _rows_of(examples, field, idf, anchors.get(field, {}))
        if rows is not None:
            models[field], figures[field] = _train_field(rows)
        elif len(anchors.get(field, {})) > 1:
            models[field] = _nearest_only(anchors[field])
    tickets = sum(example.is_ticket for example in examples)
    return Classifier(models, idf, embedding, basis, tickets, figures)


def _anchor_head(labels: Sequence[str], anchors: Mapping[str, NDArray[np.float32]]) -> Head:
    """Return the head that prefers the label whose anchor is nearest."""
    dims = len(next(iter(anchors.values())))
    weights = np.stack([anchors.get(label, np.zeros(dims, dtype=np.float32)) for label in labels]) / _NEARNESS
    return Head(weights.astype(np.float32), np.zeros(len(labels), dtype=np.float32))


def _nearest_only(anchors: Mapping[str, NDArray[np.float32]]) -> FieldModel:
    labels = tuple(sorted(anchors))
    return FieldModel(labels, (Part("vector", _anchor_head(labels, anchors), 1.0),), 1.0, 0)


def _rows_of(
    examples: Sequence[Example], field: str, idf: NDArray[np.float32], anchors: Mapping[str, NDArray[np.float32]]
) -> _Rows | None:
    chosen = [example for example in examples if field in example.labels]
    tickets = [example.labels[field] for example in chosen if example.is_ticket]
    labels = tuple(sorted({example.labels[field] for example in chosen} | set(anchors)))
    if len(tickets) < MIN_EXAMPLES or len(set(tickets)) < 2:
        return None
    space = _Space(_sparse([example.terms for example in chosen], idf))
    return _Rows(
        words=space.coordinates,
        space=space,
        vectors=np.stack([example.vector for example in chosen]),
        targets=np.array([labels.index(example.labels[field]) for example in chosen]),
        weights=np.array([example.weights.get(field, 1.0) for example in chosen]),
        is_ticket=np.array([example.is_ticket for example in chosen]),
        labels=labels,
        anchor=_anchor_head(labels, anchors) if anchors else None,
    )


def _sparse(texts: Sequence[Terms], idf: NDArray[np.float32]) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 (as below)

    starts = np.cumsum([0, *(len(terms.places) for terms in texts)])
    places = np.concatenate([terms.places for terms in texts])
    weights = np.concatenate([weigh(terms, idf) for terms in texts])
    return csr_matrix((weights, places, starts), shape=(len(texts), WIDTH))


class _Space:
    """The space that a field's texts span: far fewer dimensions than terms while the texts are few.

    The best weights are a combination of the texts, so nothing is lost by training in the eigenvectors of their
    inner products and turning the weights back; it is a hundred times faster for a hundred texts.
    """

    def __init__(self, words: Any) -> None:
        self._words = words
        self.coordinates = words
        self._turn: NDArray[np.float64] | None = None
        if words.shape[0] <= _FEW_TEXTS:
            values, vectors = np.linalg.eigh((words @ words.T).toarray().astype(np.float64))
            kept = values > 1e-6
            self.coordinates = vectors[:, kept] * np.sqrt(values[kept])
            self._turn = vectors[:, kept] / np.sqrt(values[kept])

    def weights_of_terms(self, head: Head) -> Head:
        """Return a head trained on the coordinates as one over terms."""
        if self._turn is None:
            return head
        return Head(np.asarray((self._words.T @ (self._turn @ head.weights.T)).T, dtype=np.float32), head.bias)


def _train_field(rows: _Rows) -> tuple[FieldModel, dict[str, Any]]:
    folds = _folds(rows)
    everything = np.ones(len(rows.targets), dtype=bool)
    tested = rows.is_ticket
    unseen = [_unseen(rows, rows.vectors, folds, c=_VECTOR_C), _unseen(rows, rows.words, folds, c=_WORD_C)]
    heads: list[tuple[Literal["vector", "words"], Head]] = [
        ("vector", _fit(rows, rows.vectors, everything, c=_VECTOR_C)),
        ("words", rows.space.weights_of_terms(_fit(rows, rows.words, everything, c=_WORD_C))),
    ]
    if rows.anchor is not None:
        unseen.append(log_softmax(rows.vectors @ rows.anchor.weights.T))
        heads.append(("vector", rows.anchor))
    scores = np.stack(unseen)[:, tested]
    shares, temperature = _calibrate(scores, rows.targets[tested], rows.weights[tested])
    parts = tuple(Part(reads, head, share) for (reads, head), share in zip(heads, shares, strict=True) if share > 0)
    examples = int(tested.sum())
    mean = np.tensordot(shares, scores, axes=1)
    found = keep_doubt(np.exp(log_softmax(mean / temperature)), examples=examples)
    figures = {"shares": shares, "temperature": round(temperature, 3)}
    return FieldModel(rows.labels, parts, temperature, examples), _figures(found, rows.targets[tested]) | figures


def _folds(rows: _Rows) -> NDArray[np.int64]:
    """Deal the examples of each label out to the folds in turn, so that each fold sees each label if it can."""
    folds = np.zeros(len(rows.targets), dtype=np.int64)
    random = np.random.default_rng(0)
    for target in range(len(rows.labels)):
        members = random.permutation(np.flatnonzero(rows.targets == target))
        folds[members] = np.arange(len(members)) % FOLDS
    return folds


def _unseen(rows: _Rows, features: Any, folds: NDArray[np.int64], *, c: float) -> NDArray[np.float64]:
    """Return the log probabilities of each example by a model that had not seen it."""
    found = np.full((len(rows.targets), len(rows.labels)), _FLOOR)
    for fold in range(FOLDS):
        held_out = folds == fold
        if not held_out.any():
            continue
        head = _fit(rows, features, ~held_out, c=c)
        scores = features[held_out] @ head.weights.T + head.bias
        found[held_out] = np.maximum(log_softmax(scores), _FLOOR)
    return found


def _fit(rows: _Rows, features: Any, chosen: NDArray[np.bool_], *, c: float) -> Head:
    # Half of what a worker's start would take, for what few workers ever do.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    present = np.unique(rows.targets[chosen])
    if len(present) < 2:
        bias = np.full(len(rows.labels), _FLOOR, dtype=np.float32)
        bias[present] = 0
        return Head(np.zeros((len(rows.labels), features.shape[1]), dtype=np.float32), bias)
    regression = LogisticRegression(C=c, max_iter=1000, tol=1e-3)
    regression.fit(features[chosen], rows.targets[chosen], sample_weight=rows.weights[chosen])
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:
        # Two labels share one row: the score of the second against none of the first.
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([np.zeros(1), intercepts])
    weights = np.zeros((len(rows.labels), coefficients.shape[1]), dtype=np.float32)
    bias = np.full(len(rows.labels), _FLOOR, dtype=np.float32)
    weights[regression.classes_] = coefficients
    bias[regression.classes_] = intercepts
    return Head(weights, bias)


def _calibrate(
    scores: NDArray[np.float64], targets: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[tuple[float, ...], float]:
    """Return the heads' shares and the temperature with the least logarithmic loss on unseen tickets.

    Args:
        scores: log probabilities [heads, tickets, labels].
    """
    best: tuple[float, tuple[float, ...], float] = (np.inf, (1.0,), 1.0)
    for shares in _mixtures(len(scores)):
        mean = np.tensordot(shares, scores, axes=1)
        for temperature in _TEMPERATURES.tolist():
            given = log_softmax(mean / temperature)[np.arange(len(targets)), targets]
            best = min(best, (float(-(weights * given).sum()), shares, temperature))
    return best[1], best[2]


def _mixtures(heads: int) -> list[tuple[float, ...]]:
    """Return the ways to share 1 among the heads in quarters."""
    return [tuple(parts) for parts in product(_QUARTERS, repeat=heads) if sum(parts) == 1]


def _figures(found: NDArray[np.float64], targets: NDArray[np.int64]) -> dict[str, Any]:
    surest = found.max(axis=1)
    right = found.argmax(axis=1) == targets
    return {
        "examples": len(targets),
        "accuracy": round(float(right.mean()), 4),
        "calibration_error": round(calibration_error(surest, right), 4),
    }


def calibration_error(promised: NDArray[np.float64], right: NDArray[np.bool_], *, bins: int = 10) -> float:
    """Return the expected calibration error: the mean gap between promise and accuracy over bins of equal width."""
    places = np.minimum((promised * bins).astype(int), bins - 1)
    gaps = [
        abs(float(promised[places == place].mean()) - float(right[places == place].mean())) * (places == place).sum()
        for place in range(bins)
        if (places == place).any()
    ]
    return float(sum(gaps) / len(promised))
