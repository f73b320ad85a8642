"""Vectors and term weights as PostgreSQL writes and reads them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from helpdesk.models.rag import TERM_SPACE


def write_vector(vector: NDArray[np.float32]) -> str:
    """Return a vector as the text of a `halfvec`; six digits are more than a half-precision number holds."""
    return "[" + ",".join([f"{number:.6g}" for number in vector.tolist()]) + "]"


def read_vector(text: str) -> NDArray[np.float32]:
    """Return the vector that the text of a `halfvec` stands for."""
    return np.array(text[1:-1].split(","), dtype=np.float32)


def write_weights(weights: Mapping[int, float]) -> str:
    """Return weights by term as the text of a `sparsevec`."""
    entries = ",".join([f"{term}:{weight:.6g}" for term, weight in sorted(weights.items())])
    return f"{{{entries}}}/{TERM_SPACE}"
