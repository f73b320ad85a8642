"""Train the classifier on what agents decided: for each field the calibrated sum of up to four heads.

Nets on vectors and the votes of similar tickets generalise from few examples, a linear model of words knows product
names and error codes, and the descriptions and articles of a category stand for it before there are any examples. How
much each counts, and all that is promised, rests on tickets the heads had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.calibrating import calibrate
from helpdesk.triage.classifying.classifier import Classifier, rows_of
from helpdesk.triage.classifying.features import Terms, inverse_document_frequencies, weigh
from helpdesk.triage.classifying.field_model import FieldModel, Part
from helpdesk.triage.classifying.fitting import Rows, fit_memory
from helpdesk.triage.classifying.heads import AnchorHead, Memory
from helpdesk.triage.classifying.temperature import MIN_EXAMPLES
from helpdesk.triage.classifying.thresholds import NEVER, WANTED

# Similarities to anchors lie within about .5 of each other; a lead of .08 then means odds of five to one.
_NEARNESS = 0.05
# Fewer tickets that fit no label are an oversight, not a kind.
_LEAST_STRANGERS = 10


@dataclass(frozen=True)
class Example:
    """A text with the values people gave it.

    Attributes:
        terms: its hashed terms.
        vector: its vector, None where it has none.
        labels: value by field; a field nobody decided is absent.
        weights: how much each label counts, by field; 1 where not named.
        is_ticket: false for an article that stands for its category; it teaches, but is not tested on.
        fits_none: the fields of which a person said that no value fits.
    """

    terms: Terms
    vector: NDArray[np.float32] | None
    labels: Mapping[str, str]
    weights: Mapping[str, float]
    is_ticket: bool = True
    fits_none: frozenset[str] = frozenset()


def train(
    examples: Sequence[Example],
    *,
    fields: Sequence[str],
    anchors: Mapping[str, Mapping[str, NDArray[np.float32]]],
    embedding: str,
    basis: str,
) -> Classifier:
    """Return a classifier for the fields with 20 labelled tickets or with anchors.

    Takes a second for a hundred tickets and a minute for forty thousand; run it off the event loop.

    Args:
        anchors: for each field that has them, by label, the unit vector that stands for the label.
        embedding: digest of the model that made the vectors.
        basis: hash of the values there are to choose from.
    """
    # Half of what a worker's start would take, for what few workers ever do.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    models: dict[str, FieldModel] = {}
    # Thousands of small products: threads that wait for each other over them make a busy machine ten times slower.
    with threadpool_limits(limits=1):
        idf = inverse_document_frequencies([example.terms for example in examples])
        lesson = _Lesson(examples, idf)
        for field in fields:
            stands = anchors.get(field, {})
            rows = lesson.rows_of(field, stands)
            if rows is not None:
                models[field] = calibrate(rows, _anchor_head(rows.labels, rows.scores, stands) if stands else None)
            elif len(stands) > 1:
                models[field] = _nearest_only(stands)
    tickets = sum(example.is_ticket for example in examples)
    figures = {name: dict(model.figures) for name, model in models.items() if model.figures}
    return Classifier(models, idf, embedding, basis, tickets, figures, lesson.memory)


def _anchor_head(labels: Sequence[str], scores: int, anchors: Mapping[str, NDArray[np.float32]]) -> AnchorHead:
    """Return the head that prefers the label whose anchor is nearest."""
    dims = len(next(iter(anchors.values())))
    weights = np.zeros((dims, scores), dtype=np.float32)
    for place, label in enumerate(labels):
        if label in anchors:
            weights[:, place] = anchors[label] / _NEARNESS
    return AnchorHead(weights)


def _nearest_only(anchors: Mapping[str, NDArray[np.float32]]) -> FieldModel:
    """Return a model that knows descriptions alone: it promises little, and nothing is ruled out."""
    labels = tuple(sorted(anchors))
    return FieldModel(
        labels=labels,
        parts=(Part(_anchor_head(labels, len(labels), anchors), 1.0),),
        temperature=1.0,
        blind=0.0,
        examples=0,
        cuts=np.zeros(len(labels), dtype=np.float32),
        thresholds=np.full((len(labels), len(WANTED)), NEVER, dtype=np.float32),
    )


class _Lesson:
    """All examples as matrices, and the memory that all fields share."""

    def __init__(self, examples: Sequence[Example], idf: NDArray[np.float32]) -> None:
        self._examples = examples
        self._words = _sparse([example.terms for example in examples], idf)
        with_vector = [place for place, example in enumerate(examples) if example.vector is not None]
        self._places = np.full(len(examples), -1, dtype=np.int64)
        self._places[with_vector] = np.arange(len(with_vector))
        self._vectors: NDArray[np.float32] | None = None
        self.memory: Memory | None = None
        if len(with_vector) >= MIN_EXAMPLES:
            vectors = [vector for example in examples if (vector := example.vector) is not None]
            self._vectors = np.stack(vectors).astype(np.float32)
            self.memory = fit_memory(self._vectors)

    def rows_of(self, field: str, anchors: Mapping[str, Any]) -> Rows | None:
        """Return the examples of one field, None where there are too few tickets, or all have the same label."""
        given = [example.labels.get(field) for example in self._examples]
        strangers = [
            place for place, one in enumerate(self._examples) if field in one.fits_none and given[place] is None
        ]
        tickets = [
            label for label, one in zip(given, self._examples, strict=True) if label is not None and one.is_ticket
        ]
        if len(tickets) < MIN_EXAMPLES or len(set(tickets)) < 2:
            return None
        labels = tuple(sorted({label for label in given if label is not None} | set(anchors)))
        number = {label: place for place, label in enumerate(labels)}
        targets = np.array([-1 if label is None else number[label] for label in given])
        if len(strangers) >= _LEAST_STRANGERS:
            targets[strangers] = len(labels)
        chosen = np.flatnonzero(targets >= 0)
        places = self._places[chosen]
        vectors, points = self._matrices(places)
        rows = Rows(
            words=self._words[chosen],
            vectors=vectors,
            has_vector=places >= 0,
            points=points,
            places=places,
            texts=0 if self._vectors is None else len(self._vectors),
            targets=targets[chosen],
            weights=np.array([self._examples[place].weights.get(field, 1.0) for place in chosen.tolist()]),
            is_ticket=np.array([self._examples[place].is_ticket for place in chosen.tolist()]),
            is_anchor=np.zeros(len(chosen), dtype=bool),
            labels=labels,
            scores=int(targets.max()) + 1 if len(strangers) >= _LEAST_STRANGERS else len(labels),
        )
        return _with_anchors(rows, anchors) if anchors and vectors is not None else rows

    def _matrices(self, places: NDArray[np.int64]) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        """Return vectors and points of the examples that stand there; None where too few have a vector."""
        has = places >= 0
        if self._vectors is None or self.memory is None or has.sum() < MIN_EXAMPLES:
            return None, None
        keep = has[:, None]
        return np.where(keep, self._vectors[places], 0), np.where(keep, self.memory.points[places], 0)


def _with_anchors(rows: Rows, anchors: Mapping[str, NDArray[np.float32]]) -> Rows:
    """Return rows in which what stands for a label also is an example of it, of a vector without words."""
    from scipy.sparse import csr_matrix, vstack  # noqa: PLC0415 (slow to import, and few processes train)

    assert rows.vectors is not None
    assert rows.points is not None
    names = sorted(anchors)
    more = len(names)
    return replace(
        rows,
        words=vstack([rows.words, csr_matrix((more, rows.words.shape[1]), dtype=np.float32)]).tocsr(),
        vectors=np.vstack([rows.vectors, *(anchors[name] for name in names)]).astype(np.float32),
        has_vector=np.append(rows.has_vector, np.ones(more, dtype=bool)),
        points=np.vstack([rows.points, np.zeros((more, rows.points.shape[1]), dtype=np.float32)]),
        places=np.append(rows.places, np.full(more, -1)),
        targets=np.append(rows.targets, [rows.labels.index(name) for name in names]),
        weights=np.append(rows.weights, np.full(more, rows.weights.mean())),
        is_ticket=np.append(rows.is_ticket, np.zeros(more, dtype=bool)),
        is_anchor=np.append(rows.is_anchor, np.ones(more, dtype=bool)),
    )


def _sparse(texts: Sequence[Terms], idf: NDArray[np.float32]) -> Any:
    """Return the weighed terms of texts, float32 [texts, known terms]."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415 (slow to import, and few processes train)

    rows = rows_of(idf)
    known = [idf[terms.places] > 0 for terms in texts]
    starts = np.cumsum([0, *(int(here.sum()) for here in known)])
    places = [rows[terms.places[here]] for terms, here in zip(texts, known, strict=True)]
    weights = [weigh(terms, idf)[here] for terms, here in zip(texts, known, strict=True)]
    shape = (len(texts), max(1, int((idf > 0).sum())))
    # Support vectors take indices of 32 bits only.
    values = np.concatenate([np.empty(0, np.float32), *weights]), np.concatenate([np.empty(0, np.int32), *places])
    return csr_matrix((*values, starts.astype(np.int32)), shape=shape)
