"""What was known of tickets at given moments, from their logs alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

_AT_ONCE = 5000

# One look into the log of each ticket for each moment, at one end of its index. What the log does not tell until then,
# since it is older than what logs keep, comes from what the first later change found (unknown where that does not say),
# or else, as nothing has changed it, from the ticket. A company never changes.
_FACTS = text("""
    SELECT asked.place, asked.at, t.created_at,
           coalesce(log.priority, CASE WHEN later.has_priority THEN later.priority ELSE t.priority END) AS priority,
           log.channel, coalesce(log.type, CASE WHEN later.has_type THEN later.type ELSE t.type END) AS type,
           CASE WHEN log.tells_category THEN log.category
                ELSE (SELECT slug FROM categories
                       WHERE organization_id = :organization_id
                         AND CAST(id AS text) = CASE WHEN later.has_category THEN later.category
                                                     ELSE CAST(t.category_id AS text) END)
           END AS category,
           CASE WHEN log.tells_team THEN log.team WHEN later.has_team THEN later.team
                ELSE CAST(t.team_id AS text) END AS team,
           log.assignee, CASE WHEN log.tells_company THEN log.company ELSE CAST(t.company_id AS text) END AS company,
           log.replies, log.questions, log.notes, log.reopenings, log.handovers,
           coalesce(log.said_at, t.created_at) AS said_at, log.last_sender
      FROM unnest(:tickets, :moments) WITH ORDINALITY AS asked (ticket_id, at, place)
      JOIN tickets t ON t.organization_id = :organization_id AND t.id = asked.ticket_id
     CROSS JOIN LATERAL (
           SELECT (array_agg(coalesce(data ->> 'to', data ->> 'priority') ORDER BY occurred_at DESC, seq DESC)
                     FILTER (WHERE kind IN ('ticket.opened', 'ticket.priority_changed')))[1] AS priority,
                  max(data ->> 'channel') FILTER (WHERE kind = 'ticket.opened') AS channel,
                  (array_agg(coalesce(data ->> 'to', data ->> 'type') ORDER BY occurred_at DESC, seq DESC)
                     FILTER (WHERE kind IN ('ticket.opened', 'ticket.type_changed')))[1] AS type,
                  bool_or(kind = 'ticket.category_changed' OR data ? 'category') AS tells_category,
                  (array_agg(CASE WHEN kind = 'ticket.opened' THEN data ->> 'category' ELSE data ->> 'to' END
                             ORDER BY occurred_at DESC, seq DESC)
                     FILTER (WHERE kind IN ('ticket.opened', 'ticket.category_changed')))[1] AS category,
                  bool_or(kind IN ('ticket.team_changed', 'ticket.assigned') OR data ? 'team') AS tells_team,
                  (array_agg(CASE WHEN kind = 'ticket.team_changed' THEN data ->> 'to' ELSE data ->> 'team' END
                             ORDER BY occurred_at DESC, seq DESC)
                     FILTER (WHERE kind IN ('ticket.opened', 'ticket.team_changed', 'ticket.assigned')))[1] AS team,
                  (array_agg(data ->> 'assignee' ORDER BY occurred_at DESC, seq DESC)
                     FILTER (WHERE kind = 'ticket.assigned'))[1] AS assignee,
                  bool_or(data ? 'company') AS tells_company, max(data ->> 'company') AS company,
                  count(*) FILTER (WHERE kind = 'message.added' AND actor_kind = 'agent'
                                     AND data ->> 'visibility' = 'public') AS replies,
                  count(*) FILTER (WHERE kind = 'message.added' AND actor_kind = 'customer') AS questions,
                  count(*) FILTER (WHERE kind = 'message.added' AND data ->> 'visibility' = 'internal') AS notes,
                  count(*) FILTER (WHERE kind = 'ticket.status_changed' AND data ->> 'from' IN ('solved', 'closed')
                                     AND data ->> 'to' NOT IN ('solved', 'closed')) AS reopenings,
                  count(*) FILTER (WHERE kind = 'ticket.assigned') AS handovers,
                  max(occurred_at) FILTER (WHERE kind = 'message.added' AND data ->> 'visibility' = 'public')
                      AS said_at,
                  (array_agg(actor_kind ORDER BY occurred_at DESC, seq DESC)
                     FILTER (WHERE kind = 'ticket.opened'
                                OR (kind = 'message.added' AND data ->> 'visibility' = 'public')))[1] AS last_sender
             FROM ticket_events
            WHERE ticket_id = t.id AND organization_id = :organization_id AND occurred_at <= asked.at) AS log
     CROSS JOIN LATERAL (
           SELECT bool_or(kind = 'ticket.priority_changed') AS has_priority,
                  (array_agg(data ->> 'from' ORDER BY occurred_at, seq)
                     FILTER (WHERE kind = 'ticket.priority_changed'))[1] AS priority,
                  bool_or(kind = 'ticket.type_changed') AS has_type,
                  (array_agg(data ->> 'from' ORDER BY occurred_at, seq)
                     FILTER (WHERE kind = 'ticket.type_changed'))[1] AS type,
                  bool_or(kind = 'ticket.category_changed') AS has_category,
                  (array_agg(data ->> 'from' ORDER BY occurred_at, seq)
                     FILTER (WHERE kind = 'ticket.category_changed'))[1] AS category,
                  bool_or(kind IN ('ticket.team_changed', 'ticket.assigned')) AS has_team,
                  (array_agg(CASE WHEN kind = 'ticket.team_changed' THEN data ->> 'from'
                                  ELSE data -> 'from' ->> 'team' END ORDER BY occurred_at, seq)
                     FILTER (WHERE kind IN ('ticket.team_changed', 'ticket.assigned')))[1] AS team
             FROM ticket_events
            WHERE (log.priority IS NOT NULL AND log.type IS NOT NULL AND log.tells_category AND log.tells_team)
                  IS NOT TRUE
              AND ticket_id = t.id AND organization_id = :organization_id AND occurred_at > asked.at) AS later
     ORDER BY asked.place
""").bindparams(bindparam("tickets", type_=ARRAY(Uuid())), bindparam("moments", type_=ARRAY(DateTime(timezone=True))))
_TEAMS = text("SELECT CAST(id AS text) AS id, slug FROM teams WHERE organization_id = :organization_id")


@dataclass(frozen=True)
class TicketFacts:
    """A ticket at one moment; teams by slug, people and companies by id."""

    created_at: datetime
    priority: str
    channel: str
    type: str
    category: str
    team: str
    assignee: str
    company: str
    replies: int
    questions: int
    notes: int
    reopenings: int
    handovers: int
    said_at: datetime
    last_sender: str


async def team_names(session: AsyncSession, *, organization_id: UUID) -> dict[str, str]:
    """Return the slugs of teams by id, as logs name them by either."""
    rows = await session.execute(_TEAMS, {"organization_id": organization_id})
    return {row.id: row.slug for row in rows}


async def facts_at(
    session: AsyncSession, *, organization_id: UUID, asked: Sequence[tuple[UUID, datetime]]
) -> list[TicketFacts | None]:
    """Return what was known of each ticket at its moment, in the order asked; None for one that is gone."""
    teams = await team_names(session, organization_id=organization_id)
    found: list[TicketFacts | None] = [None] * len(asked)
    for first in range(0, len(asked), _AT_ONCE):
        some = asked[first : first + _AT_ONCE]
        values = {
            "organization_id": organization_id,
            "tickets": [ticket for ticket, _ in some],
            "moments": [at for _, at in some],
        }
        for row in await session.execute(_FACTS, values):
            found[first + row.place - 1] = TicketFacts(
                row.created_at,
                row.priority or "",
                row.channel or "",
                row.type or "",
                row.category or "",
                teams.get(row.team or "", row.team or ""),
                row.assignee or "",
                row.company or "",
                row.replies,
                row.questions,
                row.notes,
                row.reopenings,
                row.handovers,
                row.said_at,
                row.last_sender or "",
            )
    return found
