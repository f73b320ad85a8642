"""The trained classifier as it is used: arrays and figures, numpy only, well under a millisecond a field."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.features import Terms, weigh

FORMAT = 1
# Fewer labelled tickets than this teach nothing that descriptions do not say better.
MIN_EXAMPLES = 20


@dataclass(frozen=True)
class Head:
    """A linear model: scores = weights x features + bias, one row a label."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """A head with what it reads, and its weight in the mean of log probabilities."""

    reads: Literal["vector", "words"]
    head: Head
    share: float


@dataclass(frozen=True)
class FieldModel:
    """What one field of a ticket is predicted with.

    Attributes:
        labels: the values, in the order of the heads' rows.
        parts: the heads whose mean decides; their shares add up to 1.
        temperature: divides the mean before the softmax, so that probabilities keep what they promise.
        examples: labelled tickets it learnt from.
    """

    labels: tuple[str, ...]
    parts: tuple[Part, ...]
    temperature: float
    examples: int

    def probabilities(
        self, vector: NDArray[np.float32] | None, places: NDArray[np.int32], weights: NDArray[np.float32]
    ) -> dict[str, float]:
        """Return the probability of each label; without a vector, from the words alone."""
        mean = np.zeros(len(self.labels))
        for part in self.parts:
            if part.reads == "words":
                mean += part.share * log_softmax(part.head.weights[:, places] @ weights + part.head.bias)
            elif vector is not None:
                mean += part.share * log_softmax(part.head.weights @ vector + part.head.bias)
        found = keep_doubt(np.exp(log_softmax(mean / self.temperature)), examples=self.examples)
        return dict(zip(self.labels, found.tolist(), strict=True))


@dataclass(frozen=True)
class Classifier:
    """All fields of one organisation.

    Attributes:
        fields: the model of each field that there were enough labels for.
        idf: weight of each hashed term, float32 [features.WIDTH].
        embedding: digest of the model whose vectors it learnt from; those of another one mean nothing to it.
        basis: hash of the values there were to choose from; with other values it has to be trained anew.
        examples: labelled tickets it learnt from.
        figures: how well it did on tickets it had not seen, by field.
    """

    fields: dict[str, FieldModel]
    idf: NDArray[np.float32]
    embedding: str
    basis: str
    examples: int
    figures: dict[str, Any]

    def predict(self, *, vector: NDArray[np.float32] | None, terms: Terms) -> dict[str, dict[str, float]]:
        """Return the probability of each label of each field."""
        weights = weigh(terms, self.idf)
        return {name: model.probabilities(vector, terms.places, weights) for name, model in self.fields.items()}


def log_softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Return the logarithms of the softmax over the last axis."""
    shifted = np.asarray(scores, dtype=np.float64) - np.max(scores, axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def keep_doubt(probabilities: NDArray[np.float64], *, examples: int) -> NDArray[np.float64]:
    """Mix in as much of the uniform distribution as the rule of succession leaves open after so many examples.

    What descriptions alone tell counts like 20 examples.
    """
    labels = probabilities.shape[-1]
    doubt = labels / (max(examples, MIN_EXAMPLES) + labels)
    return np.asarray((1 - doubt) * probabilities + doubt / labels)


def write_classifier(classifier: Classifier) -> bytes:
    """Return a classifier as a compressed npz: arrays, and one JSON text as bytes."""
    arrays: dict[str, NDArray[Any]] = {"idf": classifier.idf.astype(np.float16)}
    about: dict[str, Any] = {
        "format": FORMAT,
        "embedding": classifier.embedding,
        "basis": classifier.basis,
        "examples": classifier.examples,
        "figures": classifier.figures,
        "fields": {},
    }
    for name, model in classifier.fields.items():
        about["fields"][name] = {
            "labels": model.labels,
            "parts": [{"reads": part.reads, "share": part.share} for part in model.parts],
            "temperature": model.temperature,
            "examples": model.examples,
        }
        for number, part in enumerate(model.parts):
            arrays[f"{name}/{number}/weights"] = part.head.weights.astype(np.float16)
            arrays[f"{name}/{number}/bias"] = part.head.bias
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read_classifier(data: bytes) -> Classifier | None:
    """Return the classifier that `write_classifier` wrote, None when another version of the product wrote it."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        if about["format"] != FORMAT:
            return None
        fields = {name: _read_field(arrays, name, field) for name, field in about["fields"].items()}
        idf = arrays["idf"].astype(np.float32)
    return Classifier(fields, idf, about["embedding"], about["basis"], about["examples"], about["figures"])


def _read_field(arrays: Any, name: str, about: dict[str, Any]) -> FieldModel:
    parts = tuple(
        Part(
            part["reads"],
            Head(arrays[f"{name}/{number}/weights"].astype(np.float32), arrays[f"{name}/{number}/bias"]),
            part["share"],
        )
        for number, part in enumerate(about["parts"])
    )
    return FieldModel(tuple(about["labels"]), parts, about["temperature"], about["examples"])
