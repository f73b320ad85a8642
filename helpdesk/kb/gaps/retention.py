"""The statements that remove old questions; $1 is how long they are kept, $2 how many go at most."""

from __future__ import annotations

PRUNE_UNANSWERED = """
DELETE FROM kb_unanswered WHERE id = ANY (ARRAY(
    SELECT id FROM kb_unanswered WHERE last_at < now() - $1::interval ORDER BY last_at LIMIT $2))
"""
PRUNE_GAP_MEMBERS = """
DELETE FROM kb_gap_members WHERE id = ANY (ARRAY(
    SELECT id FROM kb_gap_members WHERE last_at < now() - $1::interval ORDER BY last_at LIMIT $2))
"""
