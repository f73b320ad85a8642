"""Read the gaps of the knowledge base, as their questions stand now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound
from helpdesk.models.values import GapState, UnansweredOrigin
from helpdesk.rag.embedding.vectors import ticket_input
from helpdesk.redaction import redacted

Trend = Literal["rising", "steady", "falling"]

MOST_SAMPLES = 5
_SAMPLE_CHARS = 240
# Twice as often as in the month before, or half as often.
_MUCH = 2

# Counted at every look: the questions of a deleted ticket are gone with it, and a gap without any is not listed.
_GAPS = """
    SELECT g.id, g.created_at, g.label, g.terms, g.state, g.version, g.updated_at, g.draft_article_id, g.answered_by,
           g.reason, g.decided_by, g.decided_at, m.questions, m.asked, m.tickets, m.searches, m.asks, m.recent,
           m.earlier, m.first_at, m.last_at
      FROM kb_gaps g
      JOIN LATERAL (
          SELECT count(*)::int AS questions, sum(times)::int AS asked,
                 count(*) FILTER (WHERE origin = 'ticket')::int AS tickets,
                 coalesce(sum(times) FILTER (WHERE origin = 'search'), 0)::int AS searches,
                 coalesce(sum(times) FILTER (WHERE origin = 'ask'), 0)::int AS asks,
                 sum(recent)::int AS recent, sum(earlier)::int AS earlier, min(first_at) AS first_at,
                 max(last_at) AS last_at
            FROM kb_gap_members m WHERE m.organization_id = :organization_id AND m.gap_id = g.id
      ) m ON m.questions > 0
     WHERE g.organization_id = :organization_id
"""
_PAGE = text(
    _GAPS
    + """
       AND (CAST(:state AS text) IS NULL OR g.state = :state)
       AND (CAST(:after_asked AS int) IS NULL OR (m.asked, g.id) < (:after_asked, CAST(:after_id AS uuid)))
     ORDER BY m.asked DESC, g.id DESC LIMIT :most
"""
)
_ONE = text(_GAPS + " AND g.id = :gap_id")
_MEMBERS = text("""
    SELECT m.id, m.gap_id, m.origin, m.ticket_id, m.sample, m.times, m.first_at, m.last_at, m.text AS words,
           t.number, coalesce(t.subject, '') AS subject, coalesce(o.body, '') AS body
      FROM kb_gap_members m
      LEFT JOIN tickets t ON t.id = m.ticket_id AND t.organization_id = :organization_id
      LEFT JOIN LATERAL (SELECT body FROM messages o WHERE o.organization_id = :organization_id AND o.ticket_id = t.id
                            AND o.visibility = 'public' ORDER BY o.created_at, o.id LIMIT 1) o ON true
     WHERE m.organization_id = :organization_id AND m.gap_id = ANY(CAST(:gaps AS uuid[]))
       AND (NOT :samples OR m.sample IS NOT NULL)
     ORDER BY m.gap_id, m.sample NULLS LAST, m.last_at DESC, m.id LIMIT :most
""")


class GapNotFound(NotFound):
    """There is no such gap."""


@dataclass(frozen=True)
class GapQuestion:
    """One question of a gap.

    Attributes:
        text: its words, without addresses and numbers of people; of a ticket the subject and how it begins.
        number: of the ticket, None where it is none.
        sample: its place among the typical ones, from 1.
        times: how often it was put.
    """

    id: UUID
    origin: UnansweredOrigin
    ticket_id: UUID | None
    number: int | None
    text: str
    sample: int | None
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class GapRow:
    """A gap with what its questions add up to.

    Attributes:
        questions: different questions; `asked` is how often they were put altogether.
        tickets, searches, asks: how often in each place.
        recent: how often in the last 30 days before the gap was last looked at, `earlier` in the 30 before.
        samples: the typical questions, the most typical first.
    """

    id: UUID
    created_at: datetime
    label: str
    terms: Sequence[str]
    state: GapState
    version: int
    updated_at: datetime
    draft_article_id: UUID | None
    answered_by: UUID | None
    reason: str
    decided_by: UUID | None
    decided_at: datetime | None
    questions: int
    asked: int
    tickets: int
    searches: int
    asks: int
    recent: int
    earlier: int
    first_at: datetime
    last_at: datetime
    samples: Sequence[GapQuestion] = ()

    @property
    def trend(self) -> Trend:
        """Return whether it is asked at least twice as often as in the month before, or half as often."""
        if self.recent >= _MUCH * self.earlier and self.recent > self.earlier:
            return "rising"
        return "falling" if self.earlier >= _MUCH * self.recent and self.earlier > self.recent else "steady"


async def list_gaps(
    session: AsyncSession,
    *,
    organization_id: UUID,
    state: GapState | None = GapState.OPEN,
    limit: int = 50,
    after: tuple[int, UUID] | None = None,
) -> list[GapRow]:
    """Return gaps, the most asked first, each with its typical questions.

    Args:
        state: None takes them all.
        after: `asked` and id of the last one seen.
    """
    asked, identifier = after or (None, None)
    page = {"state": state, "after_asked": asked, "after_id": identifier, "most": limit}
    rows = (await session.execute(_PAGE, {"organization_id": organization_id} | page)).mappings().all()
    ids = [row["id"] for row in rows]
    samples = await _members(session, organization_id, ids, samples=True, most=len(ids) * MOST_SAMPLES)
    return [_gap(row, samples.get(row["id"], [])) for row in rows]


async def gap_by_id(session: AsyncSession, *, organization_id: UUID, gap_id: UUID) -> GapRow:
    """Return a gap with its typical questions.

    Raises:
        GapNotFound: no such gap, or none of its questions is left.
    """
    row = (await session.execute(_ONE, {"organization_id": organization_id, "gap_id": gap_id})).mappings().one_or_none()
    if row is None:
        raise GapNotFound(f"There is no gap {gap_id}.")
    samples = await _members(session, organization_id, [gap_id], samples=True, most=MOST_SAMPLES)
    return _gap(row, samples.get(gap_id, []))


async def questions_of(
    session: AsyncSession, *, organization_id: UUID, gap_id: UUID, most: int = 200
) -> list[GapQuestion]:
    """Return the questions of a gap, the typical ones first, then the newest."""
    found = await _members(session, organization_id, [gap_id], samples=False, most=most)
    return found.get(gap_id, [])


async def _members(
    session: AsyncSession, organization_id: UUID, gaps: Sequence[UUID], *, samples: bool, most: int
) -> dict[UUID, list[GapQuestion]]:
    if not gaps:
        return {}
    rows = await session.execute(
        _MEMBERS, {"organization_id": organization_id, "gaps": list(gaps), "samples": samples, "most": most}
    )
    found: dict[UUID, list[GapQuestion]] = {}
    for row in rows:
        words = row.words if row.ticket_id is None else redacted(ticket_input(row.subject, row.body))
        found.setdefault(row.gap_id, []).append(
            GapQuestion(
                id=row.id,
                origin=UnansweredOrigin(row.origin),
                ticket_id=row.ticket_id,
                number=row.number,
                text=words[:_SAMPLE_CHARS],
                sample=row.sample,
                times=row.times,
                first_at=row.first_at,
                last_at=row.last_at,
            )
        )
    return found


def _gap(row: Any, samples: Sequence[GapQuestion]) -> GapRow:
    return GapRow(**(dict(row) | {"state": GapState(row["state"])}), samples=samples)
