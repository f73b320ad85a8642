"""The figures of the SLA report, by SQL over clocks, tickets and their log.

A clock is decided once: when it is met, or when its target is used up; so the weeks add up, and a ticket that is late
and still open counts in the week in which it became late. Priority, team and policy are those of the time of reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.reports.weeks import Week

_DECIDED = """
    decided AS (
        SELECT c.metric, coalesce(p.name, 'no policy') AS policy, t.priority, coalesce(team.name, 'no team') AS team,
               c.breached, CASE WHEN c.breached THEN c.breached_at ELSE c.stopped_at END AS at
          FROM sla_clocks c
          JOIN tickets t ON t.id = c.ticket_id
          LEFT JOIN teams team ON team.id = t.team_id
          LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
          LEFT JOIN sla_policies p ON p.id = v.policy_id
         WHERE c.organization_id = :organization_id
           AND (c.breached AND c.breached_at >= :since AND c.breached_at < :ends
                OR NOT c.breached AND c.outcome = 'met' AND c.stopped_at >= :since AND c.stopped_at < :ends))
"""
# Every dimension in one pass; a row of the empty set is the whole.
_COMPLIANCE = text(f"""
    WITH {_DECIDED}
    SELECT CASE WHEN GROUPING(metric) = 0 THEN 'metric' WHEN GROUPING(policy) = 0 THEN 'policy'
                WHEN GROUPING(priority) = 0 THEN 'priority' WHEN GROUPING(team) = 0 THEN 'team'
                ELSE 'all' END AS dimension,
           coalesce(metric, policy, priority, team, 'all') AS name,
           count(*) FILTER (WHERE at >= :starts AND NOT breached) AS met,
           count(*) FILTER (WHERE at >= :starts AND breached) AS breached,
           count(*) FILTER (WHERE at < :starts AND NOT breached) AS met_before,
           count(*) FILTER (WHERE at < :starts AND breached) AS breached_before
      FROM decided
     GROUP BY GROUPING SETS ((), (metric), (policy), (priority), (team))
     ORDER BY dimension, name
""")  # noqa: S608
_BY_DAY = text(f"""
    WITH {_DECIDED}
    SELECT (at AT TIME ZONE :zone)::date AS day, count(*) FILTER (WHERE NOT breached) AS met,
           count(*) FILTER (WHERE breached) AS breached
      FROM decided GROUP BY 1
""")  # noqa: S608
_BY_WEEK = text(f"""
    WITH {_DECIDED}
    SELECT date_trunc('week', at AT TIME ZONE :zone)::date AS monday, count(*) FILTER (WHERE NOT breached) AS met,
           count(*) FILTER (WHERE breached) AS breached
      FROM decided GROUP BY 1
""")  # noqa: S608
_TICKETS = text("""
    SELECT (SELECT count(*) FROM tickets
             WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends) AS opened,
           count(*) FILTER (WHERE data ->> 'to' = 'solved') AS solved,
           count(*) FILTER (WHERE data ->> 'from' IN ('solved', 'closed') AND data ->> 'to' NOT IN ('solved', 'closed'))
               AS reopened,
           (SELECT count(*) FROM tickets
             WHERE organization_id = :organization_id AND created_at < :ends
               AND (solved_at IS NULL OR solved_at >= :ends)) AS open_at_end
      FROM ticket_events
     WHERE organization_id = :organization_id AND kind = 'ticket.status_changed'
       AND occurred_at >= :starts AND occurred_at < :ends
""")
_BREACHES = text("""
    SELECT c.ticket_id, t.number, t.subject, c.metric, c.instance, coalesce(p.name, 'no policy') AS policy, t.priority,
           coalesce(team.name, 'no team') AS team, assignee.name AS assignee, company.name AS company, c.start_at,
           c.target_s, c.breached_at, c.stopped_at, c.state
      FROM sla_clocks c
      JOIN tickets t ON t.id = c.ticket_id
      LEFT JOIN teams team ON team.id = t.team_id
      LEFT JOIN users assignee ON assignee.id = t.assignee_id
      LEFT JOIN companies company ON company.id = t.company_id
      LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
      LEFT JOIN sla_policies p ON p.id = v.policy_id
     WHERE c.organization_id = :organization_id
       AND c.breached AND c.breached_at >= :starts AND c.breached_at < :ends
     ORDER BY c.breached_at, t.number, c.metric, c.instance
""")


@dataclass(frozen=True)
class Tally:
    """Clocks that were decided."""

    met: int = 0
    breached: int = 0

    @property
    def decided(self) -> int:
        """Return how many there are."""
        return self.met + self.breached

    @property
    def compliance(self) -> float | None:
        """Return the share that was met, 0 to 1; None where none was decided."""
        return self.met / self.decided if self.decided else None


@dataclass(frozen=True)
class Compliance:
    """How one group of clocks fared, in the week and in the week before."""

    name: str
    week: Tally
    before: Tally

    @property
    def change(self) -> float | None:
        """Return by how much the share has changed; None where one of the weeks has none."""
        now, then = self.week.compliance, self.before.compliance
        return None if now is None or then is None else now - then


@dataclass(frozen=True)
class TicketCounts:
    """What happened to tickets in a week; `open_at_end` is how many were open when it ended."""

    opened: int
    solved: int
    reopened: int
    open_at_end: int


@dataclass(frozen=True)
class BreachedClock:
    """A clock whose target was used up in the week, and its ticket."""

    ticket_id: UUID
    number: int
    subject: str
    metric: str
    instance: int
    policy: str
    priority: str
    team: str
    assignee: str | None
    company: str | None
    start_at: datetime
    target_s: int
    breached_at: datetime
    stopped_at: datetime | None
    state: str


async def compliance(
    session: AsyncSession, *, organization_id: UUID, week: Week
) -> tuple[Compliance, dict[str, list[Compliance]]]:
    """Return (all clocks, those of each group by dimension: metric, policy, priority and team)."""
    values = _values(organization_id, week, since=week.earlier()) | {"starts": week.starts}
    whole = Compliance("all", Tally(), Tally())
    groups: dict[str, list[Compliance]] = {"metric": [], "policy": [], "priority": [], "team": []}
    for row in await session.execute(_COMPLIANCE, values):
        found = Compliance(row.name, Tally(row.met, row.breached), Tally(row.met_before, row.breached_before))
        if row.dimension == "all":
            whole = found
        else:
            groups[row.dimension].append(found)
    return whole, groups


async def by_day(session: AsyncSession, *, organization_id: UUID, week: Week) -> list[tuple[date, Tally]]:
    """Return what was decided on each day of the week."""
    values = _values(organization_id, week, since=week) | {"zone": week.zone}
    found = {row.day: Tally(row.met, row.breached) for row in await session.execute(_BY_DAY, values)}
    return [(day, found.get(day, Tally())) for day in week.days]


async def by_week(
    session: AsyncSession, *, organization_id: UUID, week: Week, weeks: int = 8
) -> list[tuple[Week, Tally]]:
    """Return what was decided in each of the last weeks, the oldest first and the given one last."""
    wanted = [week.earlier(number) for number in reversed(range(weeks))]
    values = _values(organization_id, week, since=wanted[0]) | {"zone": week.zone}
    found = {row.monday: Tally(row.met, row.breached) for row in await session.execute(_BY_WEEK, values)}
    return [(one, found.get(one.monday, Tally())) for one in wanted]


async def ticket_counts(session: AsyncSession, *, organization_id: UUID, week: Week) -> TicketCounts:
    """Count what happened to tickets."""
    values = {"organization_id": organization_id, "starts": week.starts, "ends": week.ends}
    return TicketCounts(**(await session.execute(_TICKETS, values)).mappings().one())


async def breached_clocks(session: AsyncSession, *, organization_id: UUID, week: Week) -> list[BreachedClock]:
    """Return the clocks whose target was used up in the week, the earliest first."""
    values = {"organization_id": organization_id, "starts": week.starts, "ends": week.ends}
    return [BreachedClock(**row) for row in (await session.execute(_BREACHES, values)).mappings()]


def _values(organization_id: UUID, week: Week, *, since: Week) -> dict[str, Any]:
    return {"organization_id": organization_id, "since": since.starts, "ends": week.ends}
