"""Whether a model may take the active one's place: both answer the golden queries through the product's own search."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.models import ActiveModel, runtime_of
from helpdesk.rag.embedding.spaces import made_by
from helpdesk.rag.embedding.vectors import BATCH_INPUTS, TICKET_INPUT_CHARS
from helpdesk.rag.model_change.golden import GoldenQuery
from helpdesk.rag.retrieval.query import Audience, SearchAnswer, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search

# How much worse a figure may be: with 200 queries, chance moves it about as much.
EPSILON = 0.02
# A query that is so much slower than before is felt.
_SLOWER, _SLOWER_BY_MS = 2.0, 250.0
_DEPTH = 10
_TIMED = 20


@dataclass(frozen=True)
class Figures:
    """How a model answered the golden queries; of `nearest`, by its vectors alone.

    Attributes:
        ms_p50, ms_p95: milliseconds of a query, its embedding and its search.
    """

    ndcg10: float
    recall10: float
    nearest_ndcg10: float
    nearest_recall10: float
    ms_p50: float
    ms_p95: float


@dataclass(frozen=True)
class Verdict:
    """What came of the comparison.

    Attributes:
        before: None where the active model could not be asked.
        objections: sentences that speak against the change; none where it may be made.
    """

    queries: int
    judged: int
    epsilon: float
    new: Figures
    before: Figures | None
    objections: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is kept with the model."""
        return asdict(self)


async def figures_of(
    database: Database, embedder: Embedder, model: ActiveModel, queries: Sequence[GoldenQuery]
) -> Figures:
    """Ask the golden queries with one model.

    Raises:
        EmbeddingModelChanged, ModelBusy, ModelMissing: its runtime does not answer.
    """
    vectors, embedding_ms = await _embed(database, embedder, model, queries)
    fused: list[tuple[float, float]] = []
    nearest: list[tuple[float, float]] = []
    took_ms: list[float] = []
    for query, vector in zip(queries, vectors, strict=True):
        started = time.perf_counter()
        answer = await _search(database, model, query, vector, words=query.text)
        took_ms.append(embedding_ms + 1000 * (time.perf_counter() - started))
        fused.append(_scores(answer, query))
        nearest.append(_scores(await _search(database, model, query, vector, words=""), query))
    return Figures(
        *_means(fused),
        *_means(nearest),
        ms_p50=round(float(np.percentile(took_ms, 50)), 1) if took_ms else 0.0,
        ms_p95=round(float(np.percentile(took_ms, 95)), 1) if took_ms else 0.0,
    )


def judge(
    queries: Sequence[GoldenQuery], *, new: Figures, before: Figures | None, epsilon: float, why_not: str = ""
) -> Verdict:
    """Compare what two models answered.

    Args:
        why_not: why the active model could not be asked.
    """
    verdict = Verdict(len(queries), sum(query.judged for query in queries), epsilon, new, before)
    if before is None:
        verdict.objections.append(f"The active model cannot be compared with: {why_not}")
        return verdict
    for name, words in _COMPARED.items():
        now, then = getattr(new, name), getattr(before, name)
        if now < then - epsilon:
            verdict.objections.append(f"{words} falls from {then:.3f} to {now:.3f}.")
    if new.ms_p95 > max(before.ms_p95 * _SLOWER, before.ms_p95 + _SLOWER_BY_MS):
        verdict.objections.append(
            f"A query takes {new.ms_p95:.0f} ms instead of {before.ms_p95:.0f} ms (95th centile)."
        )
    return verdict


_COMPARED = {
    "ndcg10": "nDCG@10",
    "recall10": "Recall@10",
    "nearest_ndcg10": "nDCG@10 of the vectors alone",
    "nearest_recall10": "Recall@10 of the vectors alone",
}


async def _embed(
    database: Database, embedder: Embedder, model: ActiveModel, queries: Sequence[GoldenQuery]
) -> tuple[list[NDArray[np.float32]], float]:
    """Return the vectors of the queries, and the milliseconds that a single one takes."""
    runtime = await runtime_of(database, embedder, model, fresh=True)
    texts = [model.query_prefix + (query.text[:TICKET_INPUT_CHARS] or "-") for query in queries]
    singly = []
    for words in texts[:_TIMED]:
        started = time.perf_counter()
        await runtime.embed([words])
        singly.append(1000 * (time.perf_counter() - started))
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), BATCH_INPUTS):
        vectors.extend(await runtime.embed(texts[start : start + BATCH_INPUTS]))
    return vectors, float(np.median(singly)) if singly else 0.0


async def _search(
    database: Database, model: ActiveModel, query: GoldenQuery, vector: NDArray[np.float32], *, words: str
) -> SearchAnswer:
    wanted = SearchQuery(
        text=words,
        vector=made_by(model.id, vector),
        types=tuple(sorted({source_type for source_type, _ in query.answers})),
        visibility=visible_to(Audience.AGENTS),
        limit=_DEPTH,
        exclude_source=query.ticket_id,
        floor=0.0,
        model_id=model.id,
    )
    async with database.transaction(query.organization_id) as session:
        return await search(session, organization_id=query.organization_id, query=wanted)


def _scores(answer: SearchAnswer, query: GoldenQuery) -> tuple[float, float]:
    """Return nDCG@10 (binary gains) and recall@10 of one answer."""
    hits = [(result.source_type, result.source_id) in query.answers for result in answer.results[:_DEPTH]]
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(len(query.answers), _DEPTH)))
    return gain / ideal, sum(hits) / min(len(query.answers), _DEPTH)


def _means(scores: Sequence[tuple[float, float]]) -> tuple[float, float]:
    if not scores:
        return 1.0, 1.0
    return round(float(np.mean([score[0] for score in scores])), 4), round(float(np.mean([s[1] for s in scores])), 4)
