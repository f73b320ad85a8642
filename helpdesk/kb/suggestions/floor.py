"""From what relevance on an article is suggested, so that enough of what is shown is of use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.retrieval.fusion_weights import RELEVANCE_FLOOR

# Of every five articles shown, four should help.
WANTED_PRECISION = 0.8
# Fewer judged suggestions say little: of 30 at 80 %, the true share lies between 63 % and 90 %.
_LEAST_JUDGED = 30
# Nor may the floor stand where hardly any of them are above it.
_LEAST_ABOVE = 10
_MOST_JUDGED = 2000
_LOOKS_BACK = timedelta(days=365)

# Each pair of ticket and article once, as it was judged last. What was said of it came after its relevance, so nothing
# here was fitted on its own verdict. A citation outweighs a word: whoever sent the article has used it.
_JUDGED = text("""
    SELECT DISTINCT ON (s.ticket_id, s.article_id) s.relevance,
           coalesce(s.cited_at IS NOT NULL OR s.verdict = 'useful', false) AS useful
      FROM kb_suggestions s JOIN kb_suggestion_sets o ON o.id = s.set_id
     WHERE s.organization_id = :organization_id AND s.created_at >= :since
       AND (s.verdict IS NOT NULL OR s.cited_at IS NOT NULL) AND o.model IS NOT DISTINCT FROM :model
     ORDER BY s.ticket_id, s.article_id, s.created_at DESC
     LIMIT :most
""")


@dataclass(frozen=True)
class Floor:
    """The least relevance of a suggestion, and a sentence that says where it comes from."""

    value: float
    reason: str


def fitted_floor(judged: Sequence[tuple[float, bool]], *, wanted: float = WANTED_PRECISION) -> Floor:
    """Return the least relevance from which on the wanted share of suggestions was of use.

    The shipped floor holds while fewer than 30 suggestions are judged, and is never undercut: what was not shown was
    not judged. Where no floor reaches the wanted share, the one that comes nearest is taken.

    Args:
        judged: pairs of relevance and whether the suggestion was of use.
    """
    if len(judged) < _LEAST_JUDGED:
        return Floor(
            RELEVANCE_FLOOR,
            f"The shipped floor of {RELEVANCE_FLOOR:.2f}: {len(judged)} of the {_LEAST_JUDGED} judged suggestions that "
            "a floor of your own needs.",
        )
    steps = _steps(sorted(judged, reverse=True))
    reached = [step for step in steps if step.share >= wanted]
    if not reached:
        best = max(steps, key=lambda step: (step.share, -step.relevance))
        return Floor(max(best.relevance, RELEVANCE_FLOOR), f"{best}; no floor reaches the wanted {wanted:.0%}.")
    lowest = min(reached, key=lambda step: step.relevance)
    if lowest is steps[-1]:
        # All that was judged may stay, so nothing speaks for a floor above the shipped one.
        return Floor(RELEVANCE_FLOOR, f"The shipped floor of {RELEVANCE_FLOOR:.2f}: {lowest}.")
    return Floor(max(lowest.relevance, RELEVANCE_FLOOR), f"{lowest}.")


@dataclass(frozen=True)
class _Step:
    """What share of the judged suggestions was of use from a relevance on."""

    relevance: float
    count: int
    share: float

    def __str__(self) -> str:
        return f"of {self.count} judged suggestions from {self.relevance:.2f} on, {self.share:.0%} were of use"


def _steps(ranked: Sequence[tuple[float, bool]]) -> list[_Step]:
    steps: list[_Step] = []
    useful = 0
    for count, (relevance, was_useful) in enumerate(ranked, start=1):
        useful += was_useful
        is_last_of_its_value = count == len(ranked) or ranked[count][0] < relevance
        if is_last_of_its_value and count >= _LEAST_ABOVE:
            steps.append(_Step(relevance, count, useful / count))
    return steps


async def floor_for(
    session: AsyncSession, *, organization_id: UUID, model: str | None, wanted: float, now: datetime
) -> Floor:
    """Return the floor of an organisation for suggestions made with a model, None for those made by words alone.

    Args:
        wanted: share of shown suggestions that should be of use, 0 to 1.
    """
    rows = await session.execute(
        _JUDGED,
        {"organization_id": organization_id, "model": model, "since": now - _LOOKS_BACK, "most": _MOST_JUDGED},
    )
    return fitted_floor([(row.relevance, row.useful) for row in rows], wanted=wanted)
