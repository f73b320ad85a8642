"""What models did in [:starts, :ends) and what people made of it, one row each as in `facts`."""

from __future__ import annotations

from helpdesk.metrics.facts import Source

_SUGGESTIONS = """
    SELECT 'suggested', ticket_id, CAST(NULL AS uuid), CAST(NULL AS text), (abstained)::int::float8
      FROM kb_suggestion_sets
     WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
"""
# An article counts once a ticket: what was said of it stands beside it in every later set.
_SUGGESTIONS_JUDGED = """
    SELECT 'suggestion_judged', ticket_id, NULL, NULL,
           bool_or(verdict IS NOT DISTINCT FROM 'useful' OR cited_at IS NOT NULL)::int::float8
      FROM kb_suggestions
     WHERE organization_id = :organization_id AND (verdict IS NOT NULL OR cited_at IS NOT NULL)
       AND (verdict_at >= :starts AND verdict_at < :ends OR cited_at >= :starts AND cited_at < :ends)
     GROUP BY ticket_id, article_id
"""
_DRAFTS = """
    SELECT 'draft_' || kind.state, ticket_id, NULL, NULL, (draft.state = kind.state)::int::float8
      FROM reply_drafts AS draft
     CROSS JOIN (VALUES ('drafted'), ('abstained'), ('sent'), ('discarded')) AS kind (state)
     WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
"""
_DRAFTS_DECIDED = """
    SELECT kind.what, ticket_id, outcome_by, NULL, kind.value
      FROM reply_drafts
     CROSS JOIN LATERAL (VALUES ('draft_used', (outcome <> 'discarded')::int::float8),
                                ('draft_unchanged', (outcome = 'accepted')::int::float8),
                                ('draft_distance', CASE WHEN outcome <> 'discarded' THEN edit_distance END))
           AS kind (what, value)
     WHERE organization_id = :organization_id AND outcome IS NOT NULL
       AND outcome_at >= :starts AND outcome_at < :ends AND kind.value IS NOT NULL
"""
_TRIAGE = """
    SELECT 'triaged', ticket_id, NULL, field, (decision = 'auto')::int::float8
      FROM triage_predictions
     WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
"""
_TRIAGE_JUDGED = """
    SELECT 'triage_judged', ticket_id, NULL, field, (verdict = 'accept')::int::float8
      FROM triage_feedback
     WHERE organization_id = :organization_id AND created_at >= :starts AND created_at < :ends
       AND prediction_id IS NOT NULL
"""

OF_MODELS = (
    Source.of(_SUGGESTIONS, "suggested"),
    Source.of(_SUGGESTIONS_JUDGED, "suggestion_judged"),
    Source.of(_DRAFTS, "draft_drafted", "draft_abstained", "draft_sent", "draft_discarded"),
    Source.of(_DRAFTS_DECIDED, "draft_used", "draft_unchanged", "draft_distance"),
    Source.of(_TRIAGE, "triaged"),
    Source.of(_TRIAGE_JUDGED, "triage_judged"),
)
