"""Search a judged corpus as the product does: its own tables, index worker, statements and judgements."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from judged_corpus import Judged
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scratch import Scratch, index_waiting, open_organization, publish_articles

from helpdesk.kb.articles.commands import NewArticle
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.embedding.vectors import TICKET_INPUT_CHARS, vectors_for
from helpdesk.rag.retrieval.candidates import candidates_of, words_of_query
from helpdesk.rag.retrieval.fusion import reciprocal_rank_fusion
from helpdesk.rag.retrieval.judgements import judge
from helpdesk.rag.retrieval.query import SearchQuery
from helpdesk.rag.retrieval.ranking import ranked
from helpdesk.rag.text.cleaning import clean_text

Ranking = list[str]
progress = Console(stderr=True)
_TITLE_CHARS = 80


@dataclass(frozen=True)
class Indexed:
    """A corpus in the index of an organisation of its own.

    Attributes:
        names: the corpus's own id of each article.
        found: the candidates of each query, as the statement gives them.
    """

    organization_id: UUID
    names: Mapping[UUID, str]
    chunks: int
    indexing_s: float
    found: Mapping[str, Sequence[Any]]
    words: Mapping[str, str]
    vectors: Mapping[str, NDArray[np.float32]]

    @property
    def ids(self) -> dict[str, UUID]:
        """Return the article of each id of the corpus."""
        return {name: identifier for identifier, name in self.names.items()}


async def index(place: Scratch, judged: Judged) -> Indexed:
    """Publish and index the documents, and collect the candidates of all queries."""
    organization_id = await open_organization(place.database, "retrieval")
    articles = [NewArticle(title=_title(one.title or one.text), body=one.text or one.title) for one in judged.documents]
    progress.print(f"{judged.name}: indexing {len(articles)} documents")
    ids = await publish_articles(place.database, organization_id, articles)
    started = time.perf_counter()
    reports = await index_waiting(place.indexer)
    took_s = time.perf_counter() - started
    vectors = await vectors_for(
        place.database,
        place.indexer.embedder,
        organization_id=organization_id,
        texts=[clean_text(text)[:TICKET_INPUT_CHARS] for text in judged.queries.values()],
        now=datetime.now(UTC),
    )
    found: dict[str, Sequence[Any]] = {}
    words: dict[str, str] = {}
    for (key, text), vector in track(
        list(zip(judged.queries.items(), vectors, strict=True)), "searching", console=progress, transient=True
    ):
        query = SearchQuery(text=text, vector=vector)
        words[key] = words_of_query(query)
        async with place.database.transaction(organization_id) as session:
            found[key] = await candidates_of(session, organization_id=organization_id, query=query)
    return Indexed(
        organization_id,
        {identifier: one.id for identifier, one in zip(ids, judged.documents, strict=True)},
        sum(report.chunks for report in reports),
        took_s,
        found,
        words,
        dict(zip(judged.queries, vectors, strict=True)),
    )


def _title(text: str) -> str:
    return " ".join(text.split())[:_TITLE_CHARS] or "Untitled"


async def model_of(place: Scratch) -> ActiveModel:
    """Return the model that the index was made with."""
    async with place.database.transaction(None) as session:
        model = await active_model(session)
    if model is None:
        raise SystemExit("Nothing was indexed, so no embedding model is active.")
    return model


async def hand_in(place: Scratch, indexed: Indexed, judged: Judged, keys: Sequence[str]) -> None:
    """Judge queries as the product's callers do: all that is relevant is named, and what is known not to be."""
    ids = indexed.ids
    for key in keys:
        async with place.database.transaction(indexed.organization_id) as session:
            for document, grade in judged.qrels[key].items():
                if document in ids:
                    await judge(
                        session,
                        organization_id=indexed.organization_id,
                        query=judged.queries[key],
                        source_type=SourceType.KB,
                        source_id=ids[document],
                        relevant=grade > 0,
                        origin="golden",
                        now=datetime.now(UTC),
                    )


def single_lists(rows: Sequence[Any]) -> dict[str, list[UUID]]:
    """Return the order of either list alone, and of their reciprocal ranks."""
    fused = reciprocal_rank_fusion([(row["rank_v"], row["rank_l"]) for row in rows]).tolist()
    by_chunk = dict(zip((row["chunk_id"] for row in rows), fused, strict=True))
    return {
        "lexical": _by_document([row for row in rows if row["rank_l"]], lambda row: row["bm25"]),
        "vector": _by_document([row for row in rows if row["rank_v"]], lambda row: row["sim"]),
        "reciprocal ranks": _by_document(rows, lambda row: by_chunk[row["chunk_id"]]),
    }


def hybrid(rows: Sequence[Any], *, words: str, weights: Any) -> list[UUID]:
    """Return the order of the product's fusion."""
    return [row["source_id"] for row, _ in ranked(rows, words=words, weights=weights)]


def _by_document(rows: Sequence[Any], score: Callable[[Any], float]) -> list[UUID]:
    ordered = sorted(rows, key=lambda row: (-score(row), row["chunk_id"]))
    return list(dict.fromkeys(row["source_id"] for row in ordered))
