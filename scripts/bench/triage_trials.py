"""Train and score the product's classifier: one trial is one training file, or a draw from it, and what it gives."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from labelled_texts import Labelled, Refused
from text_vectors import Vectors

from helpdesk.measures.calibration import calibration_error
from helpdesk.measures.classes import accuracy, macro_f1
from helpdesk.measures.coverage import coverage_above, coverage_at
from helpdesk.measures.ranking import auc
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.triage.classifying.classifier import Classifier, write_classifier
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.field_model import Assessment
from helpdesk.triage.classifying.temperature import MIN_EXAMPLES
from helpdesk.triage.classifying.training import Example, train

_FIELD = "category"
_COVERED = 0.95


def input_of(text: str) -> str:
    """Return what the vector of a text is made from."""
    return ticket_input("", text)


def name_of(label: str) -> str:
    """Return a label as a name to be read: what a category has besides its key."""
    return " ".join(label.replace("_", " ").replace("-", " ").split())


class Texts:
    """Labelled texts as examples; those of the label `unknown` fit none."""

    def __init__(self, rows: Sequence[Labelled], vectors: Vectors, *, unknown: str | None = None) -> None:
        self.labels = [row.label for row in rows]
        self.unknown = unknown
        self.examples = [self._example(row, vectors) for row in rows]

    def _example(self, row: Labelled, vectors: Vectors) -> Example:
        terms, vector = terms_of(row.text), vectors.get(input_of(row.text))
        if row.label == self.unknown:
            return Example(terms, vector, {}, {}, fits_none=frozenset({_FIELD}))
        return Example(terms, vector, {_FIELD: row.label}, {})

    @property
    def known(self) -> list[str]:
        """Return the labels there are, the unknown one left out."""
        return sorted(set(self.labels) - {self.unknown})


@dataclass(frozen=True)
class Trial:
    """What came of training once."""

    figures: dict[str, float]
    train_s: float
    assess_ms: list[float]


def run(taught: Texts, chosen: Sequence[int], asked: Texts, tested: Sequence[int], names: Vectors) -> Trial:
    """Train on the chosen texts and score on those tested."""
    examples = [taught.examples[row] for row in chosen]
    labels = {taught.labels[row] for row in chosen} - {taught.unknown}
    if len(labels) < 2 or len(chosen) < MIN_EXAMPLES:
        raise Refused(f"{len(chosen)} texts with {len(labels)} labels are too few to learn from.")
    anchors = {label: names[name_of(label)] for label in labels if name_of(label) in names}
    began = time.perf_counter()
    classifier = train(
        examples, fields=(_FIELD,), anchors={_FIELD: anchors} if anchors else {}, embedding="bench", basis="bench"
    )
    train_s = time.perf_counter() - began
    if _FIELD not in classifier.fields:
        raise Refused(f"{len(chosen)} texts are too few to learn from.")
    found, taken = _assess_all(classifier, asked, tested)
    truth = [asked.labels[row] for row in tested]
    figures = _figures(classifier, found, truth, unknown=asked.unknown)
    return Trial(figures | {"bytes": float(len(write_classifier(classifier)))}, train_s, taken)


def _assess_all(classifier: Classifier, asked: Texts, tested: Sequence[int]) -> tuple[list[Assessment], list[float]]:
    """Return what the classifier says of each text, and how many milliseconds each took."""
    found, taken = [], []
    for row in tested:
        example = asked.examples[row]
        began = time.perf_counter()
        found.append(classifier.assess(vector=example.vector, terms=example.terms)[_FIELD])
        taken.append(1000 * (time.perf_counter() - began))
    return found, taken


def _figures(
    classifier: Classifier, found: Sequence[Assessment], truth: Sequence[str], *, unknown: str | None
) -> dict[str, float]:
    chosen = np.array([max(one.chances, key=lambda label: one.chances[label]) for one in found])
    promised = np.array([max(one.chances.values()) for one in found])
    true = np.array(truth)
    known = true != unknown if unknown is not None else np.ones(len(true), dtype=bool)
    figures: dict[str, float] = {}
    if known.any():
        model = classifier.fields[_FIELD]
        right = chosen[known] == true[known]
        threshold = float(model.figures["coverage"][f"{_COVERED:.2f}"]["threshold"])
        above = coverage_above(promised[known], right, threshold)
        sets = [one.set_of for one, is_known in zip(found, known, strict=True) if is_known]
        figures |= {
            "accuracy": accuracy(true[known], chosen[known]),
            "macro_f1": macro_f1(true[known], chosen[known]),
            "ece": calibration_error(promised[known], right),
            "coverage": coverage_at(promised[known], right, _COVERED).share,
            "chosen_coverage": above.share,
            "chosen_accuracy": above.accuracy,
            "set_size": float(np.mean([len(one) for one in sets])),
            "set_holds": float(np.mean([label in one for one, label in zip(sets, true[known], strict=True)])),
        }
    return figures | (_unknown_figures(found, chosen, true, known) if unknown is not None else {})


def _unknown_figures(found: Sequence[Assessment], chosen: Any, true: Any, known: Any) -> dict[str, float]:
    flagged = np.array([not one.known for one in found])
    strangers = ~known
    caught = float((flagged & strangers).sum())
    return {
        "unknown_recall": caught / max(float(strangers.sum()), 1.0),
        "unknown_precision": caught / max(float(flagged.sum()), 1.0),
        "unknown_auroc": auc([1 - one.familiar for one in found], strangers),
        "known_flagged": float(flagged[known].mean()) if known.any() else 0.0,
        "known_accuracy_answered": float(((chosen == true) & ~flagged)[known].mean()) if known.any() else 0.0,
    }


def summary_of(trials: Sequence[Trial]) -> dict[str, float]:
    """Return the mean of the figures over trials, their spread in accuracy, and the medians of the times."""
    names = trials[0].figures
    means: Mapping[str, float] = {name: float(np.mean([one.figures[name] for one in trials])) for name in names}
    return {name: round(value, 4) for name, value in means.items()} | {
        "accuracy_spread": round(float(np.std([one.figures.get("accuracy", 0.0) for one in trials])), 4),
        "train_s": round(float(np.median([one.train_s for one in trials])), 2),
        "assess_ms": round(float(np.median(np.concatenate([one.assess_ms for one in trials]))), 3),
        "trials": len(trials),
    }
