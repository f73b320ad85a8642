"""The figures of a bucket: one statement for each group of them, over the tables as they are.

Each statement takes what it needs of `organization_id`, `starts` and `ends` (the bucket, half open), and returns rows
of (metric, dimensions, value, count): `value` is what the metric says, `count` how many cases it is drawn from.
"""

from __future__ import annotations

from sqlalchemy import TextClause, text

_CREATED = text("""
    SELECT 'tickets_created', jsonb_strip_nulls(jsonb_build_object('priority', t.priority, 'team', team.slug)),
           count(*)::float8, count(*)
      FROM tickets t LEFT JOIN teams team ON team.id = t.team_id
     WHERE t.organization_id = :organization_id AND t.created_at >= :starts AND t.created_at < :ends
     GROUP BY GROUPING SETS ((), (t.priority), (team.slug))
    HAVING GROUPING(team.slug) = 1 OR team.slug IS NOT NULL
""")
_SOLVED = text("""
    SELECT 'tickets_solved', '{}'::jsonb, count(*)::float8, count(*)
      FROM ticket_events
     WHERE organization_id = :organization_id AND kind = 'ticket.status_changed' AND data ->> 'to' = 'solved'
       AND occurred_at >= :starts AND occurred_at < :ends
""")
_REOPENED = text("""
    SELECT 'tickets_reopened', '{}'::jsonb, count(*)::float8, count(*)
      FROM ticket_events
     WHERE organization_id = :organization_id AND kind = 'ticket.status_changed'
       AND data ->> 'from' IN ('solved', 'closed') AND occurred_at >= :starts AND occurred_at < :ends
""")
# Open at the end of the bucket: created before it, and not solved by then.
_BACKLOG = text("""
    SELECT 'backlog', jsonb_strip_nulls(jsonb_build_object('priority', t.priority, 'team', team.slug)),
           count(*)::float8, count(*)
      FROM tickets t LEFT JOIN teams team ON team.id = t.team_id
     WHERE t.organization_id = :organization_id AND t.created_at < :ends
       AND (t.solved_at IS NULL OR t.solved_at >= :ends)
     GROUP BY GROUPING SETS ((), (t.priority), (team.slug))
    HAVING GROUPING(team.slug) = 1 OR team.slug IS NOT NULL
""")
_FIRST_RESPONSE = text("""
    SELECT 'first_response_minutes_' || name, '{}'::jsonb, percentile_cont(share) WITHIN GROUP (ORDER BY minutes),
           count(minutes)
      FROM (VALUES ('p50', 0.5::float8), ('p90', 0.9)) AS level (name, share)
      LEFT JOIN (SELECT extract(epoch FROM first_public_reply_at - created_at)::float8 / 60 AS minutes
                   FROM tickets
                  WHERE organization_id = :organization_id AND first_public_reply_at >= :starts
                    AND first_public_reply_at < :ends) AS answered ON true
     GROUP BY name, share
""")
# What was merged is resolved with the ticket that stands for it.
_RESOLUTION = text("""
    SELECT 'resolution_minutes_' || name, '{}'::jsonb, percentile_cont(share) WITHIN GROUP (ORDER BY minutes),
           count(minutes)
      FROM (VALUES ('p50', 0.5::float8), ('p90', 0.9)) AS level (name, share)
      LEFT JOIN (SELECT extract(epoch FROM solved_at - created_at)::float8 / 60 AS minutes
                   FROM tickets
                  WHERE organization_id = :organization_id AND solved_at >= :starts AND solved_at < :ends
                    AND merged_into_id IS NULL)
             AS solved ON true
     GROUP BY name, share
""")
_SLA_MET = text("""
    SELECT 'sla_met_share', jsonb_strip_nulls(jsonb_build_object('metric', metric)),
           avg((outcome = 'met')::int)::float8, count(*)
      FROM sla_clocks
     WHERE organization_id = :organization_id AND outcome IN ('met', 'breached')
       AND stopped_at >= :starts AND stopped_at < :ends
     GROUP BY GROUPING SETS ((), (metric))
""")
# No row where nothing was proven: that is not the same as nothing found.
_PROVEN = text("""
    SELECT 'sla_clocks_differing', '{}'::jsonb, sum(differing)::float8, sum(clocks)::bigint
      FROM sla_proofs
     WHERE organization_id = :organization_id AND finished_at >= :starts AND finished_at < :ends
    HAVING count(*) > 0
""")
_SUGGESTIONS = text("""
    SELECT metric, '{}'::jsonb, share, shown
      FROM (SELECT avg((NOT abstained)::int)::float8 AS shown_share, count(*) AS shown
              FROM kb_suggestion_sets
             WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends) AS sets
     CROSS JOIN LATERAL (VALUES ('suggestions_shown_share', shown_share),
                                ('suggestions_abstained_share', 1 - shown_share)) AS one (metric, share)
""")
# An article counts once a ticket: what was said of it stands beside it in every later set.
_SUGGESTIONS_JUDGED = text("""
    SELECT 'suggestions_precision', '{}'::jsonb, avg(useful::int)::float8, count(*)
      FROM (SELECT ticket_id, article_id, bool_or(verdict = 'useful' OR cited_at IS NOT NULL) AS useful
              FROM kb_suggestions
             WHERE organization_id = :organization_id AND (verdict IS NOT NULL OR cited_at IS NOT NULL)
               AND (verdict_at >= :starts AND verdict_at < :ends OR cited_at >= :starts AND cited_at < :ends)
             GROUP BY ticket_id, article_id) AS judged
""")
_GAPS = text("""
    SELECT 'knowledge_gaps_open', '{}'::jsonb, count(*)::float8, count(*)
      FROM kb_gaps WHERE organization_id = :organization_id AND state = 'open'
""")
_DRAFTS = text("""
    SELECT 'drafts_' || wanted.state || '_share', '{}'::jsonb, avg((draft.state = wanted.state)::int)::float8,
           count(draft.id)
      FROM (VALUES ('drafted'), ('abstained'), ('sent'), ('discarded')) AS wanted (state)
      LEFT JOIN reply_drafts draft ON draft.organization_id = :organization_id
            AND draft.created_at >= :starts AND draft.created_at < :ends
     GROUP BY wanted.state
""")
_TRIAGE = text("""
    SELECT 'triage_auto_share', jsonb_strip_nulls(jsonb_build_object('field', field)),
           avg((decision = 'auto')::int)::float8, count(*)
      FROM triage_predictions
     WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
     GROUP BY GROUPING SETS ((), (field))
""")
# How long the oldest piece of waiting work has waited, as of the time the bucket is taken.
_LAGS = text("""
    SELECT 'job_queue_lag_s', '{}'::jsonb, coalesce(max(extract(epoch FROM now() - run_after)), 0)::float8, count(*)
      FROM job_queue
     WHERE organization_id = :organization_id AND status = 'pending' AND run_after <= now()
    UNION ALL
    SELECT 'index_queue_lag_s', '{}'::jsonb, coalesce(max(extract(epoch FROM now() - updated_at)), 0)::float8, count(*)
      FROM rag_index_queue
     WHERE organization_id = :organization_id AND status = 'pending' AND run_after <= now()
""")

STATEMENTS: tuple[TextClause, ...] = (
    _CREATED,
    _SOLVED,
    _REOPENED,
    _BACKLOG,
    _FIRST_RESPONSE,
    _RESOLUTION,
    _SLA_MET,
    _PROVEN,
    _SUGGESTIONS,
    _SUGGESTIONS_JUDGED,
    _GAPS,
    _DRAFTS,
    _TRIAGE,
    _LAGS,
)

# Every metric that the statements above give.
METRICS: dict[str, str] = {
    "tickets_created": "tickets opened; also by priority and by team",
    "tickets_solved": "times a ticket was solved",
    "tickets_reopened": "times a solved ticket was opened again",
    "backlog": "tickets open at the end of the bucket; also by priority and by team",
    "first_response_minutes_p50": "median minutes to the first answer, of tickets first answered in the bucket",
    "first_response_minutes_p90": "the same, the 90th percentile",
    "resolution_minutes_p50": "median minutes from opening to solving, of tickets solved in the bucket",
    "resolution_minutes_p90": "the same, the 90th percentile",
    "sla_met_share": "share of the clocks ended in the bucket that were met; also by their metric",
    "sla_clocks_differing": "stored clocks that were not as the logs say, in the proofs ended in the bucket",
    "suggestions_shown_share": "share of the tickets looked up that got at least one article",
    "suggestions_abstained_share": "share that got none",
    "suggestions_precision": "share of the suggestions judged or cited in the bucket that were of use",
    "knowledge_gaps_open": "gaps of the knowledge base that were open when the bucket was taken",
    "drafts_drafted_share": "share of the drafts made in the bucket that are waiting for an agent",
    "drafts_abstained_share": "share that say why there is none",
    "drafts_sent_share": "share that were sent",
    "drafts_discarded_share": "share that were discarded",
    "triage_auto_share": "share of predictions sure enough to be set; also by field",
    "job_queue_lag_s": "seconds the oldest due job had waited when the bucket was taken",
    "index_queue_lag_s": "seconds the oldest source had waited for the index when the bucket was taken",
}
