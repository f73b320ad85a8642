"""Find the passages that answer a query, by meaning and by words at once."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import SourceType
from helpdesk.rag.cleaning import clean_text
from helpdesk.rag.fusion import Evidence, relevance
from helpdesk.rag.fusion_weights import RELEVANCE_FLOOR
from helpdesk.rag.halfvec import write_vector
from helpdesk.rag.language import DEFAULT_LANGUAGES
from helpdesk.rag.models import ActiveModel, active_model
from helpdesk.rag.snippets import make_snippet
from helpdesk.rag.terms import codes_of, query_terms, words_of

# Each list gives this many candidates; more changed no ranking that was tried.
CANDIDATES = 50
# The lexical list reads the postings of at most this many terms, the rarest ones; all terms count in the score.
RAREST_TERMS = 12
# Passages of tickets that may point to an article, and how alike they must be to have a say.
VOTERS = 20
VOTER_FLOOR = 0.55
_QUERY_CHARS = 2000

# Raw SQL: the function compares vectors and term weights, which the toolkit has no words for.
_SEARCH = text("""
    SELECT * FROM rag_search(:organization_id, CAST(:vector AS halfvec), CAST(:terms AS int[]), CAST(:types AS text[]),
        CAST(:visibility AS text[]), :excluded, :candidates, :rarest, :voters, :voter_floor)
""")
_CHUNKS = text("""
    SELECT c.id, c.document_id, c.ordinal, c.role, c.visibility, c.heading_path, c.content, c.char_start, c.char_end,
           d.source_type, d.source_id, d.title, d.language
      FROM rag_chunks c JOIN rag_documents d ON d.id = c.document_id
     WHERE c.organization_id = :organization_id AND c.document_id = ANY(CAST(:documents AS uuid[]))
       AND c.visibility = ANY(CAST(:visibility AS text[])) AND d.deleted_at IS NULL
     ORDER BY c.document_id, c.ordinal
""")


@dataclass(frozen=True)
class SearchQuery:
    """What is looked for, and where.

    Attributes:
        text: the words, as typed or as the subject and body of a ticket.
        vector: its query vector, float32 [dims]; None searches by words only.
        types: the kinds of source to look in.
        visibility: `("public",)` for what a customer may read, `("public", "internal")` for agents.
        limit: most results, one a source.
        exclude_source: a source that is not to be found, such as the ticket that asks.
        floor: least relevance of a result; 0 shows everything that was found.
    """

    text: str
    vector: NDArray[np.float32] | None = None
    types: tuple[SourceType, ...] = (SourceType.KB,)
    visibility: tuple[str, ...] = ("public",)
    limit: int = 5
    exclude_source: UUID | None = None
    floor: float = RELEVANCE_FLOOR


@dataclass(frozen=True)
class SearchResult:
    """The best passage of one source.

    Attributes:
        relevance: calibrated probability that it answers the query, 0 to 1.
        snippet: the part that shows why; `highlights` are offsets (start, end) in it.
        char_start, char_end: where the passage stands in the cleaned source, in characters.
        signals: what the relevance comes from: sim, bm25, coverage, rank_v, rank_l, graph.
    """

    source_type: SourceType
    source_id: UUID
    document_id: UUID
    chunk_id: UUID
    title: str
    heading_path: str
    content: str
    snippet: str
    highlights: tuple[tuple[int, int], ...]
    char_start: int
    char_end: int
    relevance: float
    role: str
    language: str | None
    signals: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchAnswer:
    """What was found, best first.

    Attributes:
        abstained: nothing reached the floor; `reason` says so in a sentence.
        degraded: the query had no vector, so words alone decided.
        model: name of the embedding model whose vectors were compared.
        took_ms: milliseconds by part: sql, fuse.
    """

    results: list[SearchResult]
    abstained: bool
    reason: str
    degraded: bool
    model: str | None
    took_ms: dict[str, float]


@dataclass(frozen=True)
class ChunkText:
    """One passage of an indexed source."""

    id: UUID
    document_id: UUID
    ordinal: int
    role: str
    visibility: str
    heading_path: str
    content: str
    char_start: int
    char_end: int
    source_type: str
    source_id: UUID
    title: str
    language: str | None


async def search(session: AsyncSession, *, organization_id: UUID, query: SearchQuery) -> SearchAnswer:
    """Return the sources that answer a query, best first, or none and why.

    The session must be in the organisation's scope; the database refuses any other.
    """
    words = _words(query)
    model = None if query.vector is None else await active_model(session)
    started = time.perf_counter()
    rows = await candidates_of(session, organization_id=organization_id, query=query)
    asked = time.perf_counter()
    ranked = _ranked(rows, words=words, model=_compared(model, rows))
    results = [
        _result(row, probability, words=words)
        for row, probability in ranked[: query.limit]
        if probability >= query.floor
    ]
    return SearchAnswer(
        results=results,
        abstained=not results,
        reason="" if results else _reason(ranked, query.floor),
        degraded=query.vector is None,
        model=None if model is None else model.name,
        took_ms={
            "sql": round((asked - started) * 1000, 2),
            "fuse": round((time.perf_counter() - asked) * 1000, 2),
        },
    )


async def chunks_of(
    session: AsyncSession,
    *,
    organization_id: UUID,
    document_ids: Collection[UUID],
    visibility: tuple[str, ...] = ("public",),
) -> list[ChunkText]:
    """Return every passage of the documents, each document's in order."""
    found = await session.execute(
        _CHUNKS,
        {"organization_id": organization_id, "documents": list(document_ids), "visibility": list(visibility)},
    )
    return [ChunkText(**row) for row in found.mappings()]


async def candidates_of(session: AsyncSession, *, organization_id: UUID, query: SearchQuery) -> Sequence[RowMapping]:
    """Return what either list finds, unordered, each passage with the raw scores and ranks of both."""
    words = _words(query)
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
            "voters": VOTERS,
            "voter_floor": VOTER_FLOOR,
        },
    )
    return found.mappings().all()


def _words(query: SearchQuery) -> str:
    return clean_text(query.text)[:_QUERY_CHARS]


def _compared(model: ActiveModel | None, rows: Sequence[RowMapping]) -> str | None:
    """Return the name of the model whose vectors decided, None when no candidate had one."""
    if model is None or all(row["sim"] is None for row in rows):
        return None
    return model.name.split(":", 1)[0]


def _ranked(rows: Sequence[RowMapping], *, words: str, model: str | None) -> list[tuple[RowMapping, float]]:
    """Return the best passage of each document with its relevance, best first; ties in the order of ids."""
    codes = codes_of(words)
    evidence = [
        Evidence(row["sim"], row["bm25"], row["graph"], names_code=not codes.isdisjoint(codes_of(row["title"])))
        for row in rows
    ]
    mass = rows[0]["idf_mass"] if rows else 0.0
    judged = zip(rows, relevance(evidence, idf_mass=mass, model=model).tolist(), strict=True)
    best: dict[UUID, tuple[RowMapping, float]] = {}
    for row, probability in sorted(judged, key=lambda pair: (-pair[1], pair[0]["chunk_id"])):
        best.setdefault(row["document_id"], (row, probability))
    return list(best.values())


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
