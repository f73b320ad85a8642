"""How tickets stood at a time in the past: as they are, less what their log says has changed since.

Status, priority, category, team and assignee are followed; company, contact and channel never change. Going back from
what is now takes only the changes since, which are few for the bucket that has just ended. For one that ended long
ago they are not: a back-fill therefore keeps, for each day, how all tickets stood when it ended (`keep_state`), and
goes back from there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Names of tables to go back from: as they are now, and as they were at the end of a day.
NOW = "tickets"
KEPT = "tickets_then"
# Later than any entry of a log.
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)

# What changed in [:ends, :horizon), and what it had been: of each field the first change counts. An assignment of an
# older log does not say what it had been; there the assignment before it does.
CHANGES = """
    later AS MATERIALIZED (
        SELECT DISTINCT ON (e.ticket_id, f.field) e.ticket_id, f.field, e.kind, e.data, e.occurred_at, e.seq
          FROM ticket_events AS e
          JOIN (VALUES ('ticket.status_changed', 'status'), ('ticket.priority_changed', 'priority'),
                       ('ticket.category_changed', 'category'), ('ticket.team_changed', 'team'),
                       ('ticket.assigned', 'team'), ('ticket.assigned', 'assignee')) AS f (kind, field)
            ON f.kind = e.kind
         WHERE e.organization_id = :organization_id AND e.occurred_at >= :ends AND e.occurred_at < :horizon
           AND e.kind IN ('ticket.status_changed', 'ticket.priority_changed', 'ticket.category_changed',
                          'ticket.team_changed', 'ticket.assigned')
         ORDER BY e.ticket_id, f.field, e.occurred_at, e.seq),
    was AS MATERIALIZED (
        SELECT l.ticket_id, l.field,
               CASE WHEN l.kind <> 'ticket.assigned' THEN l.data ->> 'from'
                    WHEN l.data ? 'from' THEN l.data -> 'from' ->> l.field
                    ELSE (SELECT b.data ->> l.field FROM ticket_events AS b
                           WHERE b.ticket_id = l.ticket_id AND b.kind = 'ticket.assigned'
                             AND (b.occurred_at, b.seq) < (l.occurred_at, l.seq)
                           ORDER BY b.occurred_at DESC, b.seq DESC LIMIT 1) END AS value
          FROM later AS l),
    earlier AS MATERIALIZED (
        SELECT ticket_id,
               max(value) FILTER (WHERE field = 'status') AS status,
               max(value) FILTER (WHERE field = 'priority') AS priority,
               max(value) FILTER (WHERE field = 'category') AS category,
               max(value) FILTER (WHERE field = 'team') AS team,
               max(value) FILTER (WHERE field = 'assignee') AS assignee,
               coalesce(bool_or(field = 'category'), false) AS other_category,
               coalesce(bool_or(field = 'team'), false) AS other_team,
               coalesce(bool_or(field = 'assignee'), false) AS other_assignee
          FROM was GROUP BY ticket_id)
"""
STATUS = "coalesce(b.status, t.status)"
PRIORITY = "coalesce(b.priority, t.priority)"
CATEGORY = "CASE WHEN b.other_category THEN CAST(b.category AS uuid) ELSE t.category_id END"
TEAM = "CASE WHEN b.other_team THEN CAST(b.team AS uuid) ELSE t.team_id END"
ASSIGNEE = "CASE WHEN b.other_assignee THEN CAST(b.assignee AS uuid) ELSE t.assignee_id END"

_KEEP = text(f"""
    CREATE TEMPORARY TABLE {KEPT} ON COMMIT DROP AS
    WITH {CHANGES}
    SELECT t.id, t.organization_id, t.created_at, t.company_id, t.channel, {STATUS} AS status, {PRIORITY} AS priority,
           {CATEGORY} AS category_id, {TEAM} AS team_id, {ASSIGNEE} AS assignee_id
      FROM tickets AS t LEFT JOIN earlier AS b ON b.ticket_id = t.id
     WHERE t.organization_id = :organization_id AND t.created_at < :ends
""")  # noqa: S608 (of constants)
_INDEX = text(f"CREATE UNIQUE INDEX ON {KEPT} (id)")
# Nothing else counts the rows of a temporary table, and without that each join with it would be planned for a few.
_COUNT = text(f"ANALYZE {KEPT}")


async def keep_state(session: AsyncSession, *, organization_id: UUID, at: datetime) -> None:
    """Keep, until the transaction ends, how each ticket stood at a time, in a table that figures go back from."""
    values = {"organization_id": organization_id, "ends": at, "horizon": END_OF_TIME}
    await session.execute(_KEEP, values)
    await session.execute(_INDEX)
    await session.execute(_COUNT)
