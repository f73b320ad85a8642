"""The passages that any list finds: one statement in the database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.rag.embedding.halfvec import write_vector
from helpdesk.rag.retrieval.query import SearchQuery
from helpdesk.rag.text.cleaning import clean_text
from helpdesk.rag.text.terms import query_terms

# Each list gives this many candidates; more changed no ranking that was tried.
CANDIDATES = 50
# The lexical list reads the postings of at most this many terms, the rarest ones; all terms count in the score.
RAREST_TERMS = 12
# Passages of tickets that may point to an article, and how alike they must be to have a say.
VOTERS = 20
VOTER_FLOOR = 0.55
# Passages that the lexical list reads at most: with more, common words of a large organisation take too long.
MOST_READ = 4000
_QUERY_CHARS = 2000

# Raw SQL: the function compares vectors and term weights, which the toolkit has no words for.
_SEARCH = text("""
    SELECT * FROM rag_search(:organization_id, CAST(:vector AS halfvec), CAST(:terms AS int[]), CAST(:types AS text[]),
        CAST(:visibility AS text[]), :excluded, :candidates, :rarest, :most_read, :voters, :voter_floor,
        CAST(:filters AS jsonb), CAST(:model AS smallint))
""")


async def candidates_of(session: AsyncSession, *, organization_id: UUID, query: SearchQuery) -> Sequence[RowMapping]:
    """Return what any list finds, unordered, each passage with the raw scores and ranks of all three."""
    words = words_of_query(query)
    found = await session.execute(
        _SEARCH,
        {
            "organization_id": organization_id,
            "vector": None if query.vector is None else write_vector(query.vector),
            "terms": query_terms(words, organization_id=organization_id),
            "types": list(query.types),
            "visibility": list(query.visibility),
            "excluded": query.exclude_source,
            "candidates": CANDIDATES,
            "rarest": RAREST_TERMS,
            "most_read": MOST_READ,
            "voters": VOTERS if query.graph else 0,
            "voter_floor": VOTER_FLOOR,
            "filters": json.dumps(query.filters.as_json()),
            "model": query.model_id,
        },
    )
    return found.mappings().all()


def words_of_query(query: SearchQuery) -> str:
    """Return the words that a query is searched by."""
    return clean_text(query.text)[:_QUERY_CHARS]
