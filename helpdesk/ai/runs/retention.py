"""The statement that removes old runs; $1 is how long they are kept, $2 how many go at most."""

from __future__ import annotations

# An organisation may keep them for a shorter time than the operator does.
PRUNE_RUNS = """
DELETE FROM ai_runs WHERE (id, created_at) IN (
    SELECT old.id, old.created_at
      FROM organizations o
     CROSS JOIN LATERAL (
        SELECT r.id, r.created_at FROM ai_runs r
         WHERE r.organization_id = o.id
           AND r.created_at < now() - least(
                $1::interval, make_interval(days => (o.ai_policy #>> '{records,keep_days}')::int))
         ORDER BY r.created_at LIMIT $2) old
     LIMIT $2)
"""
