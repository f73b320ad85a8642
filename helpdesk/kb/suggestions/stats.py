"""How good the suggestions are: what was shown, used, refused, and where there was nothing to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# A ticket counts once, in the week it was first looked at within the period and as it stood last; so does an article
# for it, however often it was offered anew.
_BY_WEEK = text("""
    WITH asked AS (
        SELECT ticket_id, date_trunc('week', min(created_at) AT TIME ZONE 'UTC')::date AS week,
               (array_agg(abstained ORDER BY created_at DESC, id DESC))[1] AS abstained
          FROM kb_suggestion_sets
         WHERE organization_id = :organization_id AND created_at >= :since AND created_at < :until
         GROUP BY ticket_id),
    offered AS (
        SELECT a.week, s.ticket_id, s.article_id, bool_or(s.cited_at IS NOT NULL) AS cited,
               (array_agg(s.verdict ORDER BY s.verdict_at DESC) FILTER (WHERE s.verdict IS NOT NULL))[1] AS verdict
          FROM asked a JOIN kb_suggestions s ON s.ticket_id = a.ticket_id AND s.organization_id = :organization_id
         GROUP BY a.week, s.ticket_id, s.article_id),
    articles AS (
        SELECT week, count(*) AS shown, count(*) FILTER (WHERE verdict = 'useful') AS useful,
               count(*) FILTER (WHERE verdict = 'not_useful') AS not_useful, count(*) FILTER (WHERE cited) AS cited,
               count(*) FILTER (WHERE verdict IS NOT NULL OR cited) AS judged,
               count(*) FILTER (WHERE verdict = 'useful' OR cited) AS good,
               count(DISTINCT ticket_id) AS tickets_shown,
               count(DISTINCT ticket_id) FILTER (WHERE verdict = 'useful' OR cited) AS tickets_accepted
          FROM offered GROUP BY week)
    SELECT t.week, t.tickets, t.abstained, coalesce(a.shown, 0) AS shown, coalesce(a.useful, 0) AS useful,
           coalesce(a.not_useful, 0) AS not_useful, coalesce(a.cited, 0) AS cited, coalesce(a.judged, 0) AS judged,
           coalesce(a.good, 0) AS good, coalesce(a.tickets_shown, 0) AS tickets_shown,
           coalesce(a.tickets_accepted, 0) AS tickets_accepted
      FROM (SELECT week, count(*) AS tickets, count(*) FILTER (WHERE abstained) AS abstained
              FROM asked GROUP BY week) t
      LEFT JOIN articles a ON a.week = t.week
     ORDER BY t.week
""")


@dataclass(frozen=True)
class Figures:
    """Counts of suggestions, and the shares they make; a share of nothing is None.

    Attributes:
        tickets: for which articles were looked; `abstained` of them got none.
        shown: articles offered, each once a ticket.
        judged: those with a verdict or a citation; `good` are useful ones and cited ones.
        tickets_shown: tickets with at least one article; `tickets_accepted` with at least one good one.
    """

    tickets: int = 0
    abstained: int = 0
    shown: int = 0
    useful: int = 0
    not_useful: int = 0
    cited: int = 0
    judged: int = 0
    good: int = 0
    tickets_shown: int = 0
    tickets_accepted: int = 0

    @property
    def precision(self) -> float | None:
        """Return which share of the judged suggestions was of use."""
        return _share(self.good, self.judged)

    @property
    def acceptance(self) -> float | None:
        """Return for which share of the tickets with suggestions one was of use."""
        return _share(self.tickets_accepted, self.tickets_shown)

    @property
    def abstain_rate(self) -> float | None:
        """Return for which share of the tickets nothing was suggested."""
        return _share(self.abstained, self.tickets)


@dataclass(frozen=True)
class Week:
    """The figures of a week, which begins on Monday (UTC)."""

    starts_on: date
    figures: Figures


async def suggestion_stats(
    session: AsyncSession, *, organization_id: UUID, since: datetime, until: datetime
) -> list[Week]:
    """Return the figures of each week that has any, the oldest first."""
    rows = await session.execute(_BY_WEEK, {"organization_id": organization_id, "since": since, "until": until})
    weeks = []
    for row in rows.mappings():
        values = dict(row)
        weeks.append(Week(values.pop("week"), Figures(**values)))
    return weeks


def in_total(weeks: Sequence[Week]) -> Figures:
    """Return the sum of weeks."""
    names = Figures.__dataclass_fields__
    return Figures(**{name: sum(getattr(week.figures, name) for week in weeks) for name in names})


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
