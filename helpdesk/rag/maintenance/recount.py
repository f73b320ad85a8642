"""Count terms and passages anew, and correct what has drifted.

Whoever writes passages changes their counts in the same transaction, by how much they differ. So in any one snapshot
the difference between what is counted and what should be is nothing but drift, whatever is written meanwhile, and to
correct by that difference is right at any later time.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg
import structlog

from helpdesk.rag.maintenance.connection import STATEMENT_S

log = structlog.get_logger(__name__)

_ORGANIZATIONS = """
SELECT organization_id FROM rag_corpus_stats UNION SELECT DISTINCT organization_id FROM rag_term_stats ORDER BY 1
"""
# One statement, one snapshot. Corrections go in the order of terms, as everybody's changes do.
_TERMS = """
WITH counted AS MATERIALIZED (
    SELECT u.term, count(*)::int AS df FROM rag_chunks c CROSS JOIN LATERAL unnest(c.terms) u (term)
     WHERE c.organization_id = $1 GROUP BY u.term),
drift AS MATERIALIZED (
    SELECT term, coalesce(n.df, 0) - coalesce(s.df, 0) AS delta
      FROM counted n FULL JOIN (SELECT term, df FROM rag_term_stats WHERE organization_id = $1) s USING (term)
     WHERE coalesce(n.df, 0) <> coalesce(s.df, 0)),
corrected AS (
    INSERT INTO rag_term_stats AS s (organization_id, term, df)
    SELECT $1, term, delta FROM drift ORDER BY term
        ON CONFLICT (organization_id, term) DO UPDATE SET df = greatest(0, s.df + excluded.df)
    RETURNING 1)
SELECT count(*) FROM corrected
"""
_CORPUS = """
WITH drift AS MATERIALIZED (
    SELECT source_type, coalesce(n.chunks, 0) - coalesce(s.chunks, 0) AS chunks,
           coalesce(n.length, 0) - coalesce(s.total_length, 0) AS length
      FROM (SELECT source_type, count(*) AS chunks, sum(length) AS length FROM rag_chunks
             WHERE organization_id = $1 GROUP BY source_type) n
      FULL JOIN (SELECT * FROM rag_corpus_stats WHERE organization_id = $1) s USING (source_type)
     WHERE (coalesce(n.chunks, 0), coalesce(n.length, 0)) <> (coalesce(s.chunks, 0), coalesce(s.total_length, 0))),
corrected AS (
    INSERT INTO rag_corpus_stats AS s (organization_id, source_type, chunks, total_length)
    SELECT $1, source_type, chunks, length FROM drift ORDER BY source_type
        ON CONFLICT (organization_id, source_type) DO UPDATE SET
           chunks = greatest(0, s.chunks + excluded.chunks),
           total_length = greatest(0, s.total_length + excluded.total_length)
    RETURNING 1)
SELECT count(*) FROM corrected
"""
# Terms that no passage has any more only take room.
_FORGET = "DELETE FROM rag_term_stats WHERE organization_id = $1 AND df = 0"


async def recount_all(connection: asyncpg.Connection) -> int:
    """Correct the counts of every organisation; return how many were wrong."""
    wrong = 0
    for row in await connection.fetch(_ORGANIZATIONS):
        wrong += await recount(connection, row["organization_id"])
    return wrong


async def recount(connection: asyncpg.Connection, organization_id: UUID) -> int:
    """Correct the counts of one organisation; return how many were wrong.

    To be called by whoever has the maintenance to itself: two at once would correct the same drift twice.
    """
    wrong = 0
    for statement in (_TERMS, _CORPUS):
        wrong += await connection.fetchval(statement, organization_id, timeout=STATEMENT_S)
    await connection.execute(_FORGET, organization_id, timeout=STATEMENT_S)
    if wrong:
        log.warning("index_counts_corrected", organization_id=str(organization_id), counts=wrong)
    return wrong
