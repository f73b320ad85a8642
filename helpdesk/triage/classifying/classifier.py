"""The trained classifier as it is used and kept: arrays and figures, numpy only, a few milliseconds a ticket."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.errors import HelpdeskError
from helpdesk.triage.classifying.features import WIDTH, Terms, weigh
from helpdesk.triage.classifying.field_model import Assessment, FieldModel
from helpdesk.triage.classifying.heads import Memory, View
from helpdesk.triage.classifying.storing import pack_field, pack_memory, unpack_field, unpack_memory

FORMAT = 2
# What reading bytes ends in that are no archive, a cut or changed one, or one that lacks something.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)


class WeightsDamaged(HelpdeskError):
    """The weights of a classifier cannot be read."""


@dataclass(frozen=True)
class Classifier:
    """All fields of one organisation.

    Attributes:
        fields: the model of each field that there were enough labels for.
        idf: weight of each hashed term, float32 [features.WIDTH]; 0 for those it never met.
        embedding: digest of the model whose vectors it learnt from; those of another one mean nothing to it.
        basis: hash of the values there were to choose from; with other values it has to be trained anew.
        examples: labelled tickets it learnt from.
        figures: how well it did on tickets it had not seen, by field.
        memory: the texts it learnt from, None where none had a vector.
    """

    fields: dict[str, FieldModel]
    idf: NDArray[np.float32]
    embedding: str
    basis: str
    examples: int
    figures: dict[str, Any] = field(default_factory=dict)
    memory: Memory | None = None

    def predict(self, *, vector: NDArray[np.float32] | None, terms: Terms) -> dict[str, dict[str, float]]:
        """Return the probability of each label of each field."""
        view = self._view(vector, terms)
        return {name: model.probabilities(view) for name, model in self.fields.items()}

    def assess(self, *, vector: NDArray[np.float32] | None, terms: Terms) -> dict[str, Assessment]:
        """Return what it thinks of each field."""
        view = self._view(vector, terms)
        return {name: model.assess(view) for name, model in self.fields.items()}

    def _view(self, vector: NDArray[np.float32] | None, terms: Terms) -> View:
        weights = weigh(terms, self.idf)
        known = self.idf[terms.places] > 0
        near = self.memory.near(vector) if vector is not None and self.memory is not None else None
        return View(self._rows[terms.places[known]], weights[known], vector, near)

    @cached_property
    def _rows(self) -> NDArray[np.int32]:
        """The row of each hashed term in the heads' weights."""
        return rows_of(self.idf)


def rows_of(idf: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the row that each known term has in the heads' weights; unknown ones have none of their own."""
    return np.asarray(np.cumsum(idf > 0) - 1, dtype=np.int32)


def write_classifier(classifier: Classifier) -> bytes:
    """Return a classifier as a compressed npz: arrays, and one JSON text as bytes."""
    known = np.flatnonzero(classifier.idf)
    arrays: dict[str, NDArray[Any]] = {"terms": known.astype(np.int32), "idf": classifier.idf[known]}
    about: dict[str, Any] = {
        "format": FORMAT,
        "embedding": classifier.embedding,
        "basis": classifier.basis,
        "examples": classifier.examples,
        "figures": classifier.figures,
        "memory": classifier.memory is not None,
        "fields": {},
    }
    if classifier.memory is not None:
        arrays |= pack_memory(classifier.memory)
    for number, (name, model) in enumerate(classifier.fields.items()):
        packed, about["fields"][name] = pack_field(f"fields/{number}", model)
        arrays |= packed
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read_classifier(data: bytes) -> Classifier | None:
    """Return the classifier that `write_classifier` wrote, None when another version of the product wrote it.

    Raises:
        WeightsDamaged: the bytes are none, or not whole.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            return _unpack(arrays, about) if about["format"] == FORMAT else None
    except _DAMAGES as error:
        raise WeightsDamaged("The weights of the classifier are damaged; let it be trained anew.") from error


def _unpack(arrays: Any, about: dict[str, Any]) -> Classifier:
    fields = {
        name: unpack_field(f"fields/{number}", arrays, packed)
        for number, (name, packed) in enumerate(about["fields"].items())
    }
    idf = np.zeros(WIDTH, dtype=np.float32)
    idf[arrays["terms"]] = arrays["idf"]
    memory = unpack_memory(arrays) if about["memory"] else None
    return Classifier(fields, idf, about["embedding"], about["basis"], about["examples"], about["figures"], memory)
