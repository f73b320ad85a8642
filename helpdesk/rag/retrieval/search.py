"""Find the passages that answer a query, by meaning and by words at once."""

from __future__ import annotations

import time
from itertools import chain
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel, active_model, model_by_id
from helpdesk.rag.retrieval.candidates import candidates_of, words_of_query
from helpdesk.rag.retrieval.fitted import weights_for
from helpdesk.rag.retrieval.query import NearMiss, SearchAnswer, SearchFilters, SearchQuery, SearchResult
from helpdesk.rag.retrieval.ranking import compared, ranked
from helpdesk.rag.retrieval.snippets import make_snippet
from helpdesk.rag.text.language import DEFAULT_LANGUAGES
from helpdesk.rag.text.terms import K1, words_of

# Sources below the floor that are named, so that whoever asks can see how far off the best one was.
_MISSED = 5


async def search(session: AsyncSession, *, organization_id: UUID, query: SearchQuery) -> SearchAnswer:
    """Return the sources that answer a query, best first, or none and why.

    The session must be in the organisation's scope; the database refuses any other.
    """
    words = words_of_query(query)
    model = None if query.vector is None else await _model_of(session, query)
    started = time.perf_counter()
    rows = await candidates_of(session, organization_id=organization_id, query=query)
    asked = time.perf_counter()
    weights = await weights_for(session, organization_id=organization_id, model=compared(model, rows))
    found = ranked(rows, words=words, weights=weights)
    relevant = [pair for pair in found if pair[1] >= query.floor]
    wanted = _words_in_any_language(words)
    shown = relevant[query.offset : query.offset + query.limit]
    results = [_result(row, probability, wanted=wanted) for row, probability in shown]
    return SearchAnswer(
        results=results,
        abstained=not relevant,
        reason="" if relevant else _reason(found, query),
        degraded=query.vector is None,
        model=None if model is None else model.name,
        took_ms={
            "sql": round((asked - started) * 1000, 2),
            "fuse": round((time.perf_counter() - asked) * 1000, 2),
        },
        found=len(relevant),
        missed=[_missed(row, probability) for row, probability in found[len(relevant) : len(relevant) + _MISSED]],
        best_relevance=found[0][1] if found else None,
    )


async def _model_of(session: AsyncSession, query: SearchQuery) -> ActiveModel | None:
    return await active_model(session) if query.model_id is None else await model_by_id(session, query.model_id)


def _words_in_any_language(words: str) -> frozenset[str]:
    return frozenset(chain.from_iterable(words_of(words, language) for language in DEFAULT_LANGUAGES))


def _result(row: RowMapping, probability: float, *, wanted: frozenset[str]) -> SearchResult:
    snippet = make_snippet(row["content"], query_words=wanted, language=row["language"])
    signals = {name: row[name] for name in ("sim", "bm25", "rank_v", "rank_l", "rank_g", "graph")}
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
        signals=signals | {"coverage": min(1.0, row["bm25"] / max(row["idf_mass"] * (K1 + 1), 1e-9))},
    )


def _missed(row: RowMapping, probability: float) -> NearMiss:
    return NearMiss(SourceType(row["source_type"]), row["source_id"], row["title"], probability)


def _reason(ranked: list[tuple[RowMapping, float]], query: SearchQuery) -> str:
    if not ranked and query.filters != SearchFilters():
        return "Nothing that the filters let through shares a word or a meaning with the query."
    if not ranked:
        return "Nothing in the index shares a word or a meaning with the query."
    best = ranked[0][1]
    return f"The best of {len(ranked)} sources is relevant with a probability of {best:.2f}, below {query.floor:.2f}."
