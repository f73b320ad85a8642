"""Embed passages of many documents together, and find the one that a runtime refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder, InputRefused
from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.vectors import BATCH_INPUTS

log = structlog.get_logger(__name__)

# A runtime works through one call at a time; beyond this a person's query would wait too long behind it.
BATCH_TOKENS = 8000
# An input that is refused is tried at these shares of its length, then goes without a vector.
_SHORTER = (0.6, 0.3)

Vectors = dict[str, NDArray[np.float32]]


@dataclass
class Embedded:
    """What came of embedding.

    Attributes:
        vectors: by the text they were made from.
        refused: texts that the runtime takes in no length.
        interrupted: why the runtime stopped answering; the texts not reached are in neither of the others.
    """

    vectors: Vectors = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    interrupted: Unavailable | None = None

    def covers(self, words: str) -> bool:
        """Return whether nothing more is to be expected for a text."""
        return words in self.vectors or words in self.refused


def batches_of(inputs: Iterable[str], *, chars_per_token: float) -> Iterator[list[str]]:
    """Return different inputs in batches of at most 32 and about 8,000 tokens, alike lengths together.

    A runtime pads a batch to its longest input, so alike lengths waste least.
    """
    batch: list[str] = []
    for words in sorted(set(inputs), key=lambda words: (len(words), words)):
        # Sorted by length: the one at hand is the longest, and every other is padded to it.
        if batch and (len(batch) == BATCH_INPUTS or (len(batch) + 1) * len(words) / chars_per_token > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(words)
    if batch:
        yield batch


async def embed_all(embedder: Embedder, inputs: Iterable[str], *, chars_per_token: float) -> Embedded:
    """Embed all inputs, as far as the runtime goes along."""
    embedded = Embedded()
    try:
        for batch in batches_of(inputs, chars_per_token=chars_per_token):
            await _embed_batch(embedder, batch, embedded)
    except Unavailable as away:
        embedded.interrupted = away
    return embedded


async def _embed_batch(embedder: Embedder, batch: Sequence[str], embedded: Embedded) -> None:
    """Embed a batch; when it is refused, halve it until the refused input stands alone."""
    try:
        embedded.vectors.update(zip(batch, await embedder.embed(batch), strict=True))
    except InputRefused as refused:
        if len(batch) == 1:
            await _embed_shortened(embedder, batch[0], embedded, refused)
            return
        middle = len(batch) // 2
        await _embed_batch(embedder, batch[:middle], embedded)
        await _embed_batch(embedder, batch[middle:], embedded)


async def _embed_shortened(embedder: Embedder, words: str, embedded: Embedded, refused: InputRefused) -> None:
    for share in _SHORTER:
        try:
            embedded.vectors[words] = (await embedder.embed([words[: int(len(words) * share)]]))[0]
        except InputRefused as again:
            refused = again
        else:
            return
    embedded.refused.add(words)
    log.warning("passage_without_vector", chars=len(words), reason=refused.detail)
