"""Read drafts, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.ai import ReplyDraft


class DraftNotFound(NotFound):
    """There is no such draft."""


# One pass for the whole and for each slice. A draft that a later one replaced before anybody decided on it is counted
# as such, and in no share. The category is the ticket's of today: triage and agents settle it after the draft.
_STATS = text("""
    SELECT grouping(d.method) = 0 AS by_method, grouping(d.model) = 0 AS by_model,
           grouping(d.prompt_id) = 0 AS by_prompt, grouping(c.slug) = 0 AS by_category,
           d.model, d.prompt_id, d.prompt_version, c.slug AS category, d.method,
           count(*) AS made,
           count(*) FILTER (WHERE d.state = 'abstained') AS abstained,
           count(*) FILTER (WHERE d.outcome = 'accepted') AS accepted,
           count(*) FILTER (WHERE d.outcome = 'edited') AS edited,
           count(*) FILTER (WHERE d.outcome = 'discarded') AS discarded,
           count(*) FILTER (WHERE d.state = 'drafted' AND d.superseded_at IS NOT NULL) AS superseded,
           count(*) FILTER (WHERE d.state = 'drafted' AND d.superseded_at IS NULL) AS waiting,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY d.edit_distance) FILTER (WHERE d.state = 'sent')
               AS median_edit_distance
      FROM reply_drafts d
      JOIN tickets t ON t.id = d.ticket_id AND t.organization_id = d.organization_id
      LEFT JOIN categories c ON c.id = t.category_id
     WHERE d.organization_id = :organization_id AND d.created_at >= :since AND d.created_at < :until
     GROUP BY GROUPING SETS ((), (d.method), (d.model), (d.prompt_id, d.prompt_version), (c.slug))
     ORDER BY count(*) DESC, d.method, d.model, d.prompt_id, d.prompt_version, c.slug
""").bindparams(bindparam("since", type_=DateTime(timezone=True)), bindparam("until", type_=DateTime(timezone=True)))


@dataclass(frozen=True)
class DraftFigures:
    """What became of some drafts.

    Attributes:
        key: what they have in common; empty for all of them.
        made: all, abstentions included; the other counts are parts of it.
        superseded: replaced by a later draft before anybody decided on them.
        waiting: nobody has decided yet.
        median_edit_distance: of those that were sent, 0 to 1; None where none was.
    """

    key: dict[str, Any]
    made: int
    abstained: int
    accepted: int
    edited: int
    discarded: int
    superseded: int
    waiting: int
    median_edit_distance: float | None

    @property
    def acceptance(self) -> float | None:
        """Return the share sent, edited or not, of those that somebody decided on; None where nobody did."""
        decided = self.accepted + self.edited + self.discarded
        return round((self.accepted + self.edited) / decided, 4) if decided else None


@dataclass(frozen=True)
class DraftStats:
    """What became of an organisation's drafts, as a whole and by what they have in common."""

    total: DraftFigures
    by_method: Sequence[DraftFigures]
    by_model: Sequence[DraftFigures]
    by_prompt: Sequence[DraftFigures]
    by_category: Sequence[DraftFigures]


async def get_draft(session: AsyncSession, *, organization_id: UUID, draft_id: UUID) -> ReplyDraft:
    """Return a draft, superseded or not; raise DraftNotFound."""
    found = await session.scalar(
        select(ReplyDraft).where(ReplyDraft.organization_id == organization_id, ReplyDraft.id == draft_id)
    )
    if found is None:
        raise DraftNotFound
    return found


async def has_draft(session: AsyncSession, *, organization_id: UUID, draft_id: UUID) -> bool:
    """Return whether there is a draft of that id."""
    found = select(ReplyDraft.id).where(ReplyDraft.organization_id == organization_id, ReplyDraft.id == draft_id)
    return await session.scalar(found) is not None


async def draft_stats(session: AsyncSession, *, organization_id: UUID, since: datetime, until: datetime) -> DraftStats:
    """Return what became of the drafts made in a period, its end excluded."""
    rows = (
        (await session.execute(_STATS, {"organization_id": organization_id, "since": since, "until": until}))
        .mappings()
        .all()
    )
    [total] = [row for row in rows if not any(row[f"by_{name}"] for name in ("method", "model", "prompt", "category"))]
    return DraftStats(
        total=_figures(total, ()),
        by_method=[_figures(row, ("method",)) for row in rows if row["by_method"]],
        by_model=[_figures(row, ("model",)) for row in rows if row["by_model"]],
        by_prompt=[_figures(row, ("prompt_id", "prompt_version")) for row in rows if row["by_prompt"]],
        by_category=[_figures(row, ("category",)) for row in rows if row["by_category"]],
    )


def _figures(row: Any, keys: Sequence[str]) -> DraftFigures:
    counts = ("made", "abstained", "accepted", "edited", "discarded", "superseded", "waiting")
    return DraftFigures(
        key={key: row[key] for key in keys},
        **{name: row[name] for name in counts},
        median_edit_distance=None if row["median_edit_distance"] is None else round(row["median_edit_distance"], 4),
    )
