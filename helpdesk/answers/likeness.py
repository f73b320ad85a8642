"""How close a sentence is in meaning to what it cites: support that does not depend on the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder, InputRefused
from helpdesk.answers.article_units import Unit
from helpdesk.answers.closeness import UNIT_CHARS
from helpdesk.database.engine import Database
from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.embedding.vectors import vectors_for

# From which cosine on a sentence says what its source says, by embedding model: each has a scale of its own. Fitted by
# `scripts/bench/support`. For a model that is not here, words alone decide;
# with this one, hardly a sentence is borne out that its words do not bear out as well.
CUTS = {"all-minilm": 0.86}


@dataclass(frozen=True)
class Likeness:
    """Unit vectors of sentences and of what they may rest on, by text.

    Attributes:
        cut: from which cosine on two say the same.
    """

    cut: float
    vectors: Mapping[str, NDArray[np.float32]]

    def closest(self, sentence: str, units: Iterable[Unit]) -> tuple[Unit | None, float]:
        """Return the unit that a sentence is closest to, and how close, -1 to 1."""
        own = self.vectors.get(sentence[:UNIT_CHARS])
        best: Unit | None = None
        most = -1.0
        for unit in units:
            other = self.vectors.get(unit.text[:UNIT_CHARS])
            if own is not None and other is not None and (value := float(own @ other)) > most:
                best, most = unit, value
        return best, most


async def likeness_of(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    sentences: Sequence[str],
    units: Sequence[Unit],
    now: datetime,
) -> Likeness | None:
    """Return how close sentences are to units; None where vectors cannot be had or nobody knows their scale.

    No transaction is open during a call.
    """
    async with database.transaction(None) as session:
        model = await active_model(session)
    cut = CUTS.get(model.name.split(":", 1)[0]) if model is not None else None
    if cut is None or not sentences:
        return None
    texts = list(
        dict.fromkeys([*(text[:UNIT_CHARS] for text in sentences), *(unit.text[:UNIT_CHARS] for unit in units)])
    )
    try:
        made = await vectors_for(database, embedder, organization_id=organization_id, texts=texts, now=now, model=model)
    except (Unavailable, InputRefused):
        return None
    return Likeness(cut, dict(zip(texts, np.asarray(made), strict=True)))
