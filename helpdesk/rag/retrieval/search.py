"""Find the passages that answer a query, by meaning and by words at once."""

from __future__ import annotations

import time
from itertools import chain
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.retrieval.candidates import candidates_of, words_of_query
from helpdesk.rag.retrieval.query import SearchAnswer, SearchQuery, SearchResult
from helpdesk.rag.retrieval.ranking import compared, ranked
from helpdesk.rag.retrieval.snippets import make_snippet
from helpdesk.rag.text.language import DEFAULT_LANGUAGES
from helpdesk.rag.text.terms import words_of


async def search(session: AsyncSession, *, organization_id: UUID, query: SearchQuery) -> SearchAnswer:
    """Return the sources that answer a query, best first, or none and why.

    The session must be in the organisation's scope; the database refuses any other.
    """
    words = words_of_query(query)
    model = None if query.vector is None else await active_model(session)
    started = time.perf_counter()
    rows = await candidates_of(session, organization_id=organization_id, query=query)
    asked = time.perf_counter()
    found = ranked(rows, words=words, model=compared(model, rows))
    results = [
        _result(row, probability, words=words)
        for row, probability in found[: query.limit]
        if probability >= query.floor
    ]
    return SearchAnswer(
        results=results,
        abstained=not results,
        reason="" if results else _reason(found, query.floor),
        degraded=query.vector is None,
        model=None if model is None else model.name,
        took_ms={
            "sql": round((asked - started) * 1000, 2),
            "fuse": round((time.perf_counter() - asked) * 1000, 2),
        },
    )


def _result(row: RowMapping, probability: float, *, words: str) -> SearchResult:
    wanted = set(chain.from_iterable(words_of(words, language) for language in DEFAULT_LANGUAGES))
    snippet = make_snippet(row["content"], query_words=wanted, language=row["language"])
    return SearchResult(
        source_type=SourceType(row["source_type"]),
        source_id=row["source_id"],
        document_id=row["document_id"],
        chunk_id=row["chunk_id"],
        title=row["title"],
        heading_path=row["heading_path"],
        content=row["content"],
        snippet=snippet.text,
        highlights=snippet.highlights,
        char_start=row["char_start"],
        char_end=row["char_end"],
        relevance=probability,
        role=row["role"],
        language=row["language"],
        signals={name: row[name] for name in ("sim", "bm25", "rank_v", "rank_l", "graph")},
    )


def _reason(ranked: list[tuple[RowMapping, float]], floor: float) -> str:
    if not ranked:
        return "Nothing in the index shares a word or a meaning with the query."
    return f"The best of {len(ranked)} sources is relevant with a probability of {ranked[0][1]:.2f}, below {floor:.2f}."
