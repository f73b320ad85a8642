"""Vectors that know which model made them: those of two models have nothing to say to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ModelVector(np.ndarray[Any, np.dtype[np.float32]]):
    """Vectors of one model; parts and copies of them keep the model.

    A query's vector outlives the moment it was made in, and the active model may change in between. Searches compare
    it with the vectors of its own model.
    """

    model_id: int | None = None

    def __array_finalize__(self, source: object) -> None:
        self.model_id = getattr(source, "model_id", None)


def made_by(model_id: int, vectors: NDArray[np.float32]) -> ModelVector:
    """Return the vectors with a note of their model."""
    noted = np.asarray(vectors, dtype=np.float32).view(ModelVector)
    noted.model_id = model_id
    return noted


def model_of(vector: NDArray[np.float32] | None) -> int | None:
    """Return the id of the model that made a vector, None where nobody has noted it."""
    return None if vector is None else getattr(vector, "model_id", None)
