"""Vectors as they come from a runtime, checked before anybody uses them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import InputRefused

MAX_TEXTS_A_CALL = 32
# About 8,000 tokens at three characters each: a runtime serves one batch at a time, and others wait behind it.
MAX_CHARACTERS_A_CALL = 24_000
# Unit vectors leave the runtime as decimal text of 32-bit numbers; more than this is another kind of vector.
NORM_TOLERANCE = 0.02


def batches(texts: Sequence[str], *, most: int = MAX_TEXTS_A_CALL) -> Iterator[Sequence[str]]:
    """Split texts into calls of at most so many texts (32) and 24,000 characters, in order."""
    start, characters = 0, 0
    for position, text in enumerate(texts):
        full = position - start == most or characters + len(text) > MAX_CHARACTERS_A_CALL
        if full and position > start:
            yield texts[start:position]
            start, characters = position, 0
        characters += len(text)
    if start < len(texts):
        yield texts[start:]


def checked_vectors(raw: Sequence[Sequence[float]], *, count: int) -> NDArray[np.float32]:
    """Return the vectors as float32 [count, dims], exactly of length 1.

    Raises:
        InputRefused: one is missing, empty, not finite, of another size than the rest, or not of length 1.
    """
    if len(raw) != count:
        raise InputRefused(f"The runtime returned {len(raw)} vectors for {count} texts.")
    sizes = {len(vector) for vector in raw}
    if len(sizes) != 1 or 0 in sizes:
        raise InputRefused(f"The runtime returned vectors of sizes {sorted(sizes)}.")
    vectors = np.asarray(raw, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise InputRefused("The runtime returned a vector that is not finite.")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if np.abs(norms - 1).max() > NORM_TOLERANCE:
        raise InputRefused("The runtime returned a vector whose length is not 1.")
    return np.asarray(vectors / norms, dtype=np.float32)
