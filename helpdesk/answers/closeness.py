"""How close pieces of a source are to a question: by their vectors, or by shared words for want of those."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder, InputRefused
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.spaces import model_of
from helpdesk.rag.embedding.vectors import vectors_for
from helpdesk.rag.text.terms import words_of

# What of a piece is compared; more is seldom about one thing.
UNIT_CHARS = 600


async def closeness_of(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    question: str,
    vector: NDArray[np.float32] | None,
    texts: Sequence[str],
    language: str | None,
    now: datetime,
) -> list[float]:
    """Return how close each text is to a question, -1 to 1; no transaction is open during a call.

    Args:
        vector: the question's own; None compares words.
        language: that of the texts.

    Raises:
        ModelBusy, ModelMissing, EmbeddingModelChanged: there are no vectors for now.
    """
    if vector is not None and texts:
        try:
            made = await vectors_for(database, embedder, organization_id=organization_id, texts=texts, now=now)
        except InputRefused:
            # A piece of symbols that the model cannot read; words decide for all of them.
            pass
        else:
            # Another model may have become active since the question was embedded.
            if model_of(made) == model_of(vector):
                closeness: list[float] = (np.asarray(made) @ np.asarray(vector)).tolist()
                return closeness
    return shared_words(question, texts, language)


def shared_words(question: str, texts: Sequence[str], language: str | None) -> list[float]:
    """Return the share of words that each text has in common with a question, 0 to 1."""
    asked = set(words_of(question, language))
    shares = []
    for candidate in texts:
        words = set(words_of(candidate, language))
        shares.append(len(words & asked) / (len(words) * len(asked)) ** 0.5 if words and asked else 0.0)
    return shares
