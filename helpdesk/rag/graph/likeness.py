"""From which similarity on two tickets are alike, and from which on they are one problem.

Models differ in scale: one puts two texts that have nothing in common at a cosine of 0.1, another at 0.8; and tickets
of a narrow field are more alike than those of a wide one. What counts is how far a pair has come from the mean of
unrelated pairs towards 1. Fitted with all-minilm (4 bits) on pairs of which each is among the other's ten nearest: the
share of pairs above a cut that are really alike, and of texts that still find one.

===========================  ==========  ===========================  ===========================
corpus, alike where          unrelated   from halfway (0.5)           from 0.78
===========================  ==========  ===========================  ===========================
251 demonstration tickets,   0.09        98 % of pairs, 64 % of       100 % of pairs, 15 % of
the same intent                          tickets (cosine 0.54)        tickets (cosine 0.80)
500 rephrasings of 50        0.11        94 %, all (0.56)             100 %, 75 % (0.80)
questions, the same one
770 questions to a bank,     0.21        62 %, 95 % (0.61)            95 %, 42 % (0.83)
the same of 77 intents
===========================  ==========  ===========================  ===========================

Without the condition of being nearest both ways, 80 % of the rephrasings above the first cut are of one question, and
37 % of the bank's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.embedding.halfvec import read_vector
from helpdesk.rag.embedding.models import ActiveModel

ALIKE = 0.5
SAME = 0.78
# Mean similarity of two unrelated tickets, for the models it was measured with.
BACKGROUNDS = {"all-minilm": 0.1}
_SAMPLE = 128
_LEAST_SAMPLE = 20

_SCALE = text("""
    SELECT background FROM rag_similarity_scales WHERE organization_id = :organization_id AND model_id = :model_id
""")
_KEEP = text("""
    INSERT INTO rag_similarity_scales AS s (organization_id, model_id, background, pairs, measured_at)
    VALUES (:organization_id, :model_id, :background, :pairs, :now)
        ON CONFLICT (organization_id, model_id) DO UPDATE SET
           background = excluded.background, pairs = excluded.pairs, measured_at = excluded.measured_at
""")
# {vectors} is the name of a model's table, made by the database itself. In the order of a hash: any tickets, and
# the same ones again as long as they do not change.
_SOME = """
    SELECT v.embedding::text AS vector FROM rag_chunks c JOIN {vectors} v ON v.chunk_id = c.id
     WHERE c.organization_id = :organization_id AND c.source_type = 'ticket' AND c.ordinal = 0
     ORDER BY c.chunk_hash LIMIT :most
"""


@dataclass(frozen=True)
class Cuts:
    """Similarities from which on two tickets are alike, and one problem."""

    alike: float
    same: float


def cuts_above(background: float) -> Cuts:
    """Return the cuts for a model to which unrelated tickets have this similarity."""
    room = 1.0 - background
    return Cuts(background + ALIKE * room, background + SAME * room)


def background_of(vectors: Sequence[str]) -> tuple[float, int] | None:
    """Return the mean similarity of the pairs among vectors and their number; None where they are too few to tell.

    Args:
        vectors: of length one, as the database writes them.
    """
    if len(vectors) < _LEAST_SAMPLE:
        return None
    rows = np.stack([read_vector(vector) for vector in vectors])
    similar = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    return float(similar.mean()), len(similar)


async def cuts_for(session: AsyncSession, *, organization_id: UUID, model: ActiveModel) -> Cuts | None:
    """Return the cuts for an organisation's tickets; None where the model's scale is not known yet.

    Tickets that are all about one thing look alike: what was measured among the organisation's own raises the cuts.
    """
    shipped = BACKGROUNDS.get(model.name.split(":", 1)[0])
    scope = {"organization_id": organization_id, "model_id": model.id}
    measured: float | None = await session.scalar(_SCALE, scope)
    known = [background for background in (shipped, measured) if background is not None]
    return cuts_above(max(known)) if known else None


async def cuts_now(session: AsyncSession, *, organization_id: UUID, model: ActiveModel) -> Cuts | None:
    """Return the cuts, measured on the spot where they have not been yet; None where there are too few tickets."""
    known = await cuts_for(session, organization_id=organization_id, model=model)
    if known is not None:
        return known
    found = await _measured(session, organization_id, model)
    return None if found is None else cuts_above(found[0])


async def measure_scale(session: AsyncSession, *, organization_id: UUID, model: ActiveModel, now: datetime) -> None:
    """Measure how alike unrelated tickets of the organisation look to the model, where it has enough of them."""
    found = await _measured(session, organization_id, model)
    if found is None:
        return
    values = {"organization_id": organization_id, "model_id": model.id, "now": now}
    await session.execute(_KEEP, values | {"background": found[0], "pairs": found[1]})


async def _measured(session: AsyncSession, organization_id: UUID, model: ActiveModel) -> tuple[float, int] | None:
    statement = text(_SOME.format(vectors=model.table_name))
    rows = await session.scalars(statement, {"organization_id": organization_id, "most": _SAMPLE})
    return background_of(rows.all())
