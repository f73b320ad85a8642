"""Measures of a ranking against judgements, as trec_eval defines them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import log2

Relevant = Mapping[str, int]
Measure = Callable[[Sequence[str], Relevant], float]


def ndcg_at_10(ranked: Sequence[str], relevant: Relevant) -> float:
    """Return the normalised discounted cumulative gain of the first ten (gain = grade, discount = log2(rank + 1))."""
    gained = sum(relevant.get(document, 0) / log2(rank + 1) for rank, document in enumerate(ranked[:10], 1))
    ideal = sorted(relevant.values(), reverse=True)[:10]
    best = sum(grade / log2(rank + 1) for rank, grade in enumerate(ideal, 1))
    return gained / best if best else 0.0


def average_precision(ranked: Sequence[str], relevant: Relevant) -> float:
    """Return the mean precision at each relevant document; those not found count as zero."""
    found, total = 0, 0.0
    for rank, document in enumerate(ranked, 1):
        if relevant.get(document, 0) > 0:
            found += 1
            total += found / rank
    expected = sum(grade > 0 for grade in relevant.values())
    return total / expected if expected else 0.0


def reciprocal_rank(ranked: Sequence[str], relevant: Relevant) -> float:
    """Return one over the rank of the first relevant document, zero where there is none."""
    return next((1 / rank for rank, document in enumerate(ranked, 1) if relevant.get(document, 0) > 0), 0.0)


def hit_at(depth: int) -> Measure:
    """Return the measure that is one when a relevant document stands among the first `depth`."""

    def hit(ranked: Sequence[str], relevant: Relevant) -> float:
        return float(any(relevant.get(document, 0) > 0 for document in ranked[:depth]))

    return hit


MEASURES: dict[str, Measure] = {
    "nDCG@10": ndcg_at_10,
    "MAP": average_precision,
    "hit@1": hit_at(1),
    "hit@3": hit_at(3),
    "MRR": reciprocal_rank,
}
