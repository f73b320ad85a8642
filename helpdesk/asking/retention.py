"""The statement that removes old questions; $1 is how long they are kept, $2 how many go at most."""

from __future__ import annotations

PRUNE_QUESTIONS = """
DELETE FROM rag_questions WHERE id = ANY (ARRAY(
    SELECT id FROM rag_questions WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT $2))
"""
