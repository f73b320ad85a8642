"""What a report says beside how promises were kept: counts of tickets, and the promises that were broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.reports.decided import CREDITED, EVERY_CLOCK, REPLY, WANTED, ReportFilter, values_of
from helpdesk.reports.periods import Period

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
# The page first, in the order of the index on when clocks became late; then what there is to say of each.
_BREACHES = text(f"""
    WITH page AS MATERIALIZED (
        SELECT c.*, v.policy_id
          FROM sla_clocks c
          JOIN tickets t ON t.id = c.ticket_id
          LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
         WHERE c.organization_id = :organization_id AND c.breached AND c.breached_at < :ends
           AND (c.breached_at, c.id) > (:after_at, :after_id)
           AND {WANTED}
         ORDER BY c.breached_at, c.id
         LIMIT :limit)
    SELECT c.id, c.ticket_id, t.number, t.subject, c.metric, c.instance, coalesce(p.name, 'no policy') AS policy,
           t.priority, coalesce(team.name, 'no team') AS team, agent.name AS agent, assignee.name AS assignee,
           company.name AS company, category.name AS category, c.start_at, c.target_s, c.breached_at, c.stopped_at,
           c.state
      FROM page c
      JOIN tickets t ON t.id = c.ticket_id
      LEFT JOIN sla_policies p ON p.id = c.policy_id
      {REPLY}
      LEFT JOIN users agent ON agent.id = {CREDITED}
      LEFT JOIN teams team ON team.id = t.team_id
      LEFT JOIN users assignee ON assignee.id = t.assignee_id
      LEFT JOIN companies company ON company.id = t.company_id
      LEFT JOIN categories category ON category.id = t.category_id
     ORDER BY c.breached_at, c.id
""")  # noqa: S608 (of constants)

_NO_ID = UUID(int=0)


@dataclass(frozen=True)
class TicketCounts:
    """What happened to tickets in a week; `open_at_end` is how many were open when it ended."""

    opened: int
    solved: int
    reopened: int
    open_at_end: int


@dataclass(frozen=True)
class BreachedClock:
    """A clock whose target was used up, and its ticket; `agent` is who is credited with it."""

    id: UUID
    ticket_id: UUID
    number: int
    subject: str
    metric: str
    instance: int
    policy: str
    priority: str
    team: str
    agent: str | None
    assignee: str | None
    company: str | None
    category: str | None
    start_at: datetime
    target_s: int
    breached_at: datetime
    stopped_at: datetime | None
    state: str


async def ticket_counts(session: AsyncSession, *, organization_id: UUID, period: Period) -> TicketCounts:
    """Count what happened to tickets."""
    values = {"organization_id": organization_id, "starts": period.starts, "ends": period.ends}
    return TicketCounts(**(await session.execute(_TICKETS, values)).mappings().one())


async def breached_clocks(
    session: AsyncSession,
    *,
    organization_id: UUID,
    period: Period,
    wanted: ReportFilter = EVERY_CLOCK,
    after: tuple[datetime, UUID] | None = None,
    limit: int | None = None,
) -> list[BreachedClock]:
    """Return the clocks whose target was used up in the period, the earliest first.

    Args:
        after: (time, id) of the last clock seen.
        limit: None returns them all.
    """
    after_at, after_id = max(after, (period.starts, _NO_ID)) if after else (period.starts, _NO_ID)
    place = {"after_at": after_at, "after_id": after_id, "limit": limit}
    values = values_of(organization_id, period, wanted) | place
    return [BreachedClock(**row) for row in (await session.execute(_BREACHES, values)).mappings()]
