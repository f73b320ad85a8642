"""The statement that removes old vectors of texts; $1 is how long they are kept, $2 how many go at most."""

from __future__ import annotations

PRUNE_INPUT_VECTORS = """
DELETE FROM rag_input_vectors WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM rag_input_vectors WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT $2))
"""
