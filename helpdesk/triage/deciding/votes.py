"""What a text model's vote is worth here: fitted to votes that agents have settled since."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.triage.classifying.stacking import Pair, Stacker, fit_stacker
from helpdesk.triage.deciding.verdict import UNKNOWN

# Another model may sit behind the same name by then, and the classifier is another one for certain.
_MOST_PAIRS = 400

# Raw SQL: the newest votes with the last word of a person on each.
_PAIRS = text("""
    SELECT p.field, p.chances, p.vote, p.offered, f.final_value
      FROM triage_feedback f JOIN triage_predictions p ON p.id = f.prediction_id
     WHERE f.organization_id = :organization_id AND p.organization_id = :organization_id
       AND f.verdict IN ('accept', 'correct') AND f.final_value IS NOT NULL
       AND p.vote IS NOT NULL AND p.chances IS NOT NULL
     ORDER BY f.created_at DESC, f.id
     LIMIT :most
""")


async def settled_votes(session: AsyncSession, *, organization_id: UUID) -> dict[str, list[Pair]]:
    """Return the votes that agents have settled, by field."""
    found: dict[str, list[Pair]] = defaultdict(list)
    for row in await session.execute(_PAIRS, {"organization_id": organization_id, "most": _MOST_PAIRS}):
        if row.vote != UNKNOWN:
            among = [label for label in row.offered if label != UNKNOWN]
            found[row.field].append(Pair(row.chances, row.vote, among, row.final_value))
    return found


async def fit_stackers(pairs: Mapping[str, Sequence[Pair]]) -> dict[str, Stacker]:
    """Return how a vote is weighed in each field that has settled ones; takes milliseconds beside a model's seconds."""
    if not pairs:
        return {}
    return await asyncio.to_thread(lambda: {name: fit_stacker(votes) for name, votes in pairs.items()})
