"""Fit the weights of the fusion to judged queries: to many for the shipped ones, to some thirty for a desk's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from helpdesk.rag.retrieval.fitting_order import Floats, Table, order_weights, share_of_words, spread_within
from helpdesk.rag.retrieval.fitting_promise import fit_line, fit_promise, isotonic
from helpdesk.rag.retrieval.fusion import logits_of, probabilities
from helpdesk.rag.retrieval.fusion_weights import Weights

# Fewer judged queries tell less than the shipped weights already know.
LEAST_QUERIES = 20
# From here on the promises are bent to what was kept; a line through them needs far fewer.
ENOUGH_FOR_ISOTONIC = 200
# How much the shipped share of words counts against the judged queries, and how cautiously they are believed; the best
# over the corpora of the shipped fit, each left out of it in turn.
STRENGTH = 0.1
CAUTION = 3.0
LINE_STRENGTH = 1.0
# A passage that nobody judged answers more often than one that was found wrong; so it counts half as much against.
UNJUDGED = 0.5
FOLDS = 5
# Below that nobody looks, and no promise is needed.
_DEPTH = 10


@dataclass(frozen=True)
class Example:
    """The candidates of one judged query.

    Attributes:
        features: see `features_of`, each float64 [candidates].
        documents: which document each passage is of, int64 [candidates].
        relevant: whether that document answers, bool [candidates].
        doubt: how much each candidate counts as not answering where it does not, 0 to 1.
        answers: documents that answer, found or not.
        given: log odds that are not fitted, float64 [candidates].
        weight: of the query in a fit.
    """

    features: Mapping[str, Floats]
    documents: NDArray[np.int64]
    relevant: NDArray[np.bool_]
    doubt: Floats
    answers: int
    given: Floats
    weight: float = 1.0


def fit_shipped(
    examples: Sequence[Example],
    *,
    names: Sequence[str],
    promise_names: Sequence[str],
    background: Mapping[str, tuple[float, float]],
    strength: float = 1e-3,
) -> Weights:
    """Return weights fitted to judged queries of several corpora; none is negative.

    First the order, then the promise: log odds linear in the order's score and in the `best_` features, fitted to the
    first ten documents of each query, those without any answer included.
    """
    whole = sum(example.weight for example in examples)
    even = [replace(example, weight=example.weight / whole) for example in examples]
    tables = [_table(example, [example.features[name] for name in names]) for example in even]
    nothing = np.zeros(len(names))
    found = order_weights(tables, prior=nothing, strength=strength, least=nothing)
    order = Weights(0.0, dict(zip(names, found.tolist(), strict=True)), background)
    scale, intercept, best = fit_promise(
        [_first_documents(example, logits_of(example.features, weights=order)) for example in examples], promise_names
    )
    by_feature = {name: scale * weight for name, weight in order.by_feature.items()} | best
    return Weights(intercept, {name: weight for name, weight in by_feature.items() if weight > 1e-4}, background)


def fit_own(examples: Sequence[Example], *, shipped: Weights, strength: float = STRENGTH) -> Weights:
    """Return weights for the desk that the examples are of.

    One number is fitted to the order: how much what words say counts against what vectors say, 1 in the shipped
    weights; near 0 the order is that of the vectors alone. Then the promises are brought in line by a slope and an
    intercept. All are pulled towards the shipped weights, so that few queries change little.
    """
    meaning, words = _parts(shipped)
    tables = [_table(one, [_sum(one, meaning) + one.given, _sum(one, words)]) for one in examples]
    share = share_of_words(tables, strength=strength, caution=CAUTION)
    # The scores keep their spread, or a larger share of words would promise more of everything.
    before, after = (_spread(tables, np.array([1.0, counted])) for counted in (1.0, share))
    scale = before / after
    tilted = {name: scale * weight for name, weight in meaning.items()}
    tilted |= {name: scale * share * weight for name, weight in words.items()}
    return _in_line(examples, replace(shipped, by_feature=dict(shipped.by_feature) | tilted, kept=()))


def _spread(tables: Sequence[Table], counted: Floats) -> float:
    summed = [replace(table, columns=table.columns @ counted[:, None]) for table in tables]
    return float(spread_within(summed)[0])


def _in_line(examples: Sequence[Example], weights: Weights) -> Weights:
    firsts = [_first_documents(one, logits_of(one.features, weights=weights) + one.given) for one in examples]
    slope, intercept = fit_line(firsts, strength=LINE_STRENGTH)
    by_feature = {name: slope * weight for name, weight in weights.by_feature.items()}
    return replace(weights, intercept=slope * weights.intercept + intercept, by_feature=by_feature)


def fit_kept(examples: Sequence[Example], predicted: Sequence[Floats]) -> tuple[tuple[float, float], ...]:
    """Return what share of promises was kept, by isotonic regression on predictions of queries not fitted to."""
    return isotonic([_first_documents(one, made) for one, made in zip(examples, predicted, strict=True)])


def ndcg(example: Example, values: Floats) -> float:
    """Return nDCG@10 of the documents in the order of their best passages."""
    order = _by_document(example, values)
    gained = sum(1 / np.log2(place + 2) for place, row in enumerate(order[:10]) if example.relevant[row])
    best = sum(1 / np.log2(place + 2) for place in range(min(10, example.answers)))
    return float(gained / best) if best else 0.0


def log_loss(example: Example, promised: Floats) -> float:
    """Return the mean logarithmic loss of the promises of the first ten documents."""
    rows = _by_document(example, promised)[:_DEPTH]
    kept = np.clip(promised[rows], 1e-6, 1 - 1e-6)
    right = example.relevant[rows]
    counts = np.where(right, 1.0, example.doubt[rows])
    losses = -np.where(right, np.log(kept), np.log(1 - kept))
    return float((losses * counts).sum() / max(float(counts.sum()), 1e-9))


def promised_by(example: Example, weights: Weights) -> Floats:
    """Return the relevance that the weights promise, float64 [candidates]."""
    return probabilities(logits_of(example.features, weights=weights) + example.given, weights=weights)


def _parts(weights: Weights) -> tuple[dict[str, float], dict[str, float]]:
    order = {name: weight for name, weight in weights.by_feature.items() if not name.startswith("best_")}
    meaning = {name: weight for name, weight in order.items() if name.startswith("sim")}
    return meaning, {name: weight for name, weight in order.items() if name not in meaning}


def _sum(example: Example, by_feature: Mapping[str, float]) -> Floats:
    total = np.zeros(len(example.relevant))
    for name, weight in by_feature.items():
        total += weight * example.features[name]
    return total


def _table(example: Example, columns: Sequence[Floats]) -> Table:
    # The passage that both lists like best stands for its document.
    liked = example.features["sim_z"] + example.features["coverage_z"]
    firsts = np.zeros(len(liked), dtype=bool)
    firsts[_by_document(example, liked)] = True
    others = np.where(example.relevant, 0.0, example.doubt)
    return Table(np.stack(columns, axis=1), example.relevant & firsts, others, example.weight)


def _by_document(example: Example, values: Floats) -> NDArray[np.int64]:
    """Return the best passage of each document, best first."""
    order = np.argsort(-values, kind="stable")
    _, places = np.unique(example.documents[order], return_index=True)
    return np.asarray(order[np.sort(places)])


def _first_documents(
    example: Example, values: Floats
) -> tuple[Floats, NDArray[np.bool_], Floats, dict[str, float], float]:
    rows = _by_document(example, values)[:_DEPTH]
    best = {name: float(column[0]) for name, column in example.features.items() if name.startswith("best_")}
    counts = np.where(example.relevant[rows], 1.0, example.doubt[rows])
    return values[rows], example.relevant[rows], counts, best, example.weight
