"""Which clocks a report counts, under which group, and who is credited with them.

A clock is decided once: when it is met, or when its target is used up; so the weeks add up, and a ticket that is late
and still open counts in the week in which it became late. A cancelled clock counts only if it was late by then.

Credited is who could keep the promise: for a response that was given the agent who replied, by the ticket's log; for
everything else, and for a response that nobody has given yet, the ticket's assignee. Priority, team, category, company
and assignee are those of the time of reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from helpdesk.reports.periods import Period


class Dimension(StrEnum):
    """What clocks are grouped by."""

    METRIC = "metric"
    POLICY = "policy"
    PRIORITY = "priority"
    TEAM = "team"
    AGENT = "agent"
    COMPANY = "company"
    CATEGORY = "category"
    WEEK = "week"
    DAY = "day"


@dataclass(frozen=True)
class ReportFilter:
    """Which clocks a report counts; nothing leaves a field open.

    Attributes:
        metrics, priorities: any of these.
        policies: names.
        teams: slugs.
    """

    metrics: Sequence[str] = ()
    policies: Sequence[str] = ()
    teams: Sequence[str] = ()
    priorities: Sequence[str] = ()


EVERY_CLOCK = ReportFilter()

# Each half is a range of an index of its own; together they are no larger than what was decided in the period.
CLOCKS = """
    (SELECT id, ticket_id, metric, instance, policy_version_id, start_at, target_s, elapsed_s, state, stopped_at,
            true AS breached, breached_at AS at
       FROM sla_clocks
      WHERE organization_id = :organization_id AND breached AND breached_at >= :starts AND breached_at < :ends
      UNION ALL
     SELECT id, ticket_id, metric, instance, policy_version_id, start_at, target_s, elapsed_s, state, stopped_at,
            false, stopped_at
       FROM sla_clocks
      WHERE organization_id = :organization_id AND outcome = 'met' AND NOT breached
        AND stopped_at >= :starts AND stopped_at < :ends) c
    JOIN tickets t ON t.id = c.ticket_id
    LEFT JOIN sla_policy_versions v ON v.id = c.policy_version_id
"""
# A response ends at the instant of the reply that gave it.
REPLY = """
    LEFT JOIN LATERAL (
         SELECT e.actor_id FROM ticket_events e
          WHERE e.ticket_id = c.ticket_id AND e.occurred_at = c.stopped_at AND e.kind = 'message.added'
            AND e.actor_kind = 'agent' AND e.data ->> 'visibility' IS DISTINCT FROM 'internal'
          ORDER BY e.seq LIMIT 1) reply
      ON c.state = 'stopped' AND c.metric IN ('first_response', 'next_response', 'periodic_update')
"""
CREDITED = "coalesce(reply.actor_id, t.assignee_id)"
WANTED = """
    (CAST(:metrics AS text[]) IS NULL OR c.metric = ANY(:metrics))
    AND (CAST(:priorities AS text[]) IS NULL OR t.priority = ANY(:priorities))
    AND (CAST(:teams AS text[]) IS NULL OR t.team_id IN (
             SELECT id FROM teams WHERE organization_id = :organization_id AND slug = ANY(:teams)))
    AND (CAST(:policies AS text[]) IS NULL OR v.policy_id IN (
             SELECT id FROM sla_policies WHERE organization_id = :organization_id AND name = ANY(:policies)))
"""


def values_of(organization_id: UUID, period: Period, wanted: ReportFilter) -> dict[str, Any]:
    """Return the values of the statements above."""
    return {
        "organization_id": organization_id,
        "starts": period.starts,
        "ends": period.ends,
        "metrics": list(wanted.metrics) or None,
        "policies": list(wanted.policies) or None,
        "teams": list(wanted.teams) or None,
        "priorities": list(wanted.priorities) or None,
    }
