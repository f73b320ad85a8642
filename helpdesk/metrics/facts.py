"""What happened to tickets in [:starts, :ends), one row each: (what, ticket, agent, detail, value).

The agent is who did it, where that is known; otherwise the ticket's assignee is credited. Times are minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

from helpdesk.metrics.history import STATUS


@dataclass(frozen=True)
class Source:
    """A statement that gives facts, and which kinds of them."""

    kinds: frozenset[str]
    statement: str

    @classmethod
    def of(cls, statement: str, *kinds: str) -> Source:
        """Return the source of some kinds."""
        return cls(frozenset(kinds), statement)


_DONE = "('solved', 'closed')"

# A merged ticket is closed for good by the merger, and solved with the ticket that stands for it.
_FLOW = f"""
    SELECT 'created', id, CAST(NULL AS uuid), CAST(NULL AS text), CAST(NULL AS float8)
      FROM tickets WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
    UNION ALL
    SELECT CASE WHEN e.data ->> 'from' IN {_DONE} THEN 'reopened'
                WHEN t.merged_into_id IS NOT NULL AND e.data ->> 'to' = 'closed' THEN 'merged'
                ELSE 'solved' END,
           e.ticket_id, NULL, NULL, extract(epoch FROM e.occurred_at - t.created_at)::float8 / 60
      FROM ticket_events AS e JOIN tickets AS t ON t.id = e.ticket_id
     WHERE e.organization_id = :organization_id AND e.kind = 'ticket.status_changed'
       AND e.occurred_at >= :starts AND e.occurred_at < :ends
       AND (e.data ->> 'from' IN {_DONE}) <> (e.data ->> 'to' IN {_DONE})
"""  # noqa: S608 (of constants)
# Open when the bucket ended, and how old then, in hours.
_BACKLOG = f"""
    SELECT 'open', standing.id, NULL, NULL, extract(epoch FROM CAST(:ends AS timestamptz) - created_at)::float8 / 3600
      FROM (SELECT t.id, t.created_at
              FROM {{tickets}} AS t LEFT JOIN earlier AS b ON b.ticket_id = t.id
             WHERE t.organization_id = :organization_id AND t.status NOT IN {_DONE} AND {STATUS} NOT IN {_DONE}
             UNION ALL
            SELECT t.id, t.created_at
              FROM earlier AS b JOIN {{tickets}} AS t ON t.id = b.ticket_id
             WHERE t.organization_id = :organization_id AND t.status IN {_DONE} AND b.status NOT IN {_DONE}) AS standing
     WHERE created_at < :ends
"""  # noqa: S608 (of constants)
# A person's public reply. One before it, or that the person opened the ticket in their own name, makes it a next one,
# which answers the oldest customer message since then; where there is none, it answers nothing.
_WORD = "actor_kind = 'agent' AND data ->> 'visibility' IS DISTINCT FROM 'internal'"
_RESPONSES = f"""
    SELECT CASE WHEN before.occurred_at IS NULL THEN 'first_response' ELSE 'next_response' END, r.ticket_id, r.actor_id,
           NULL, extract(epoch FROM r.occurred_at - coalesce(asked.occurred_at, t.created_at))::float8 / 60
      FROM ticket_events AS r
      JOIN tickets AS t ON t.id = r.ticket_id
      LEFT JOIN LATERAL (
           SELECT occurred_at, seq FROM ticket_events
            WHERE ticket_id = r.ticket_id AND (occurred_at, seq) < (r.occurred_at, r.seq)
              AND kind IN ('message.added', 'ticket.opened') AND {_WORD}
            ORDER BY occurred_at DESC, seq DESC LIMIT 1) AS before ON true
      LEFT JOIN LATERAL (
           SELECT occurred_at FROM ticket_events
            WHERE ticket_id = r.ticket_id AND (occurred_at, seq) > (before.occurred_at, before.seq)
              AND (occurred_at, seq) < (r.occurred_at, r.seq) AND kind = 'message.added' AND actor_kind = 'customer'
            ORDER BY occurred_at, seq LIMIT 1) AS asked ON true
     WHERE r.organization_id = :organization_id AND r.kind = 'message.added'
       AND r.occurred_at >= :starts AND r.occurred_at < :ends
       AND r.actor_kind = 'agent' AND r.data ->> 'visibility' IS DISTINCT FROM 'internal'
       AND (before.occurred_at IS NULL OR asked.occurred_at IS NOT NULL)
"""  # noqa: S608 (of constants)
# A promise is decided once, when it is kept or when its time is used up; its clock knows what it counted of office
# hours. A response is credited to whoever gave it.
_PROMISES = """
    SELECT decided.what, decided.ticket_id, replied.actor_id, decided.detail, decided.value
      FROM (SELECT 'sla' AS what, ticket_id, metric, metric AS detail, 0 AS value, state, stopped_at
              FROM sla_clocks
             WHERE organization_id = :organization_id AND breached AND breached_at >= :starts AND breached_at < :ends
             UNION ALL
            SELECT 'sla', ticket_id, metric, metric, 1, state, stopped_at
              FROM sla_clocks
             WHERE organization_id = :organization_id AND outcome = 'met' AND NOT breached
               AND stopped_at >= :starts AND stopped_at < :ends
             UNION ALL
            SELECT metric || '_business', ticket_id, metric, NULL, elapsed_s / 60.0, state, stopped_at
              FROM sla_clocks
             WHERE organization_id = :organization_id AND outcome IN ('met', 'breached') AND state = 'stopped'
               AND metric IN ('first_response', 'next_response', 'resolution')
               AND stopped_at >= :starts AND stopped_at < :ends) AS decided
      {credited}
"""
CREDITED = f"""
      LEFT JOIN LATERAL (
           SELECT actor_id FROM ticket_events
            WHERE ticket_id = decided.ticket_id AND occurred_at = decided.stopped_at AND kind = 'message.added'
              AND {_WORD}
            ORDER BY seq LIMIT 1) AS replied
        ON decided.state = 'stopped' AND decided.metric IN ('first_response', 'next_response', 'periodic_update')
"""  # noqa: S608 (of constants)
# Looking for the reply of each takes as long as all else, and only a split by agent asks for it.
NOT_CREDITED = "CROSS JOIN (SELECT CAST(NULL AS uuid) AS actor_id) AS replied"
# A changed answer counts in the bucket it was changed in, and in the earlier one as it was at its end.
_SATISFACTION = """
    SELECT kind.what, ticket_id, NULL, NULL, kind.value
      FROM satisfaction_ratings
     CROSS JOIN LATERAL (VALUES ('csat', CASE WHEN score >= 4 THEN 1.0 ELSE 0 END), ('csat_score', score))
           AS kind (what, value)
     WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
       AND (superseded_at IS NULL OR superseded_at >= :ends)
"""

OF_TICKETS = (
    Source.of(_FLOW, "created", "solved", "reopened", "merged"),
    Source.of(_BACKLOG, "open"),
    Source.of(_RESPONSES, "first_response", "next_response"),
    Source.of(_PROMISES, "sla", "first_response_business", "next_response_business", "resolution_business"),
    Source.of(_SATISFACTION, "csat", "csat_score"),
)
