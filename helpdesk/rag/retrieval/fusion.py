"""One order and one probability out of all that the lists say: logistic fusion of vectors and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from helpdesk.rag.retrieval.fusion_weights import CODE_LOGIT, GRAPH_LOGIT, Weights
from helpdesk.rag.text.terms import K1

Floats = NDArray[np.float64]

# What one full list has.
_USUAL_CANDIDATES = 50
_SIM_KNOTS = (0.2, 0.4, 0.5, 0.6, 0.7, 1.0)
_COVERAGE_KNOTS = (0.0, 0.1, 0.2, 0.4, 0.6, 1.0)
_COVERED_KNOTS = (0.0, 0.3, 0.6, 0.8, 1.0)
# From where to where a list's best candidate is counted as good in itself.
_CLOSE = (0.5, 0.8)
_WORDED = (0.3, 0.7)
# How much of a query the best passage has to have for its words to be what was written about, and what words count for
# below: a question in other words than the articles' shares some of them by chance with many.
_NAMED = (0.5, 0.9)
_LEAST_SAY = 1 / 3
_LEAST_Z, _MOST_Z = -3.0, 5.0


@dataclass(frozen=True)
class Evidence:
    """What the lists say of one passage.

    Attributes:
        sim: cosine similarity to the query, None without a vector.
        bm25: BM25 score of the passage.
        graph: summed similarity of resolved tickets that its source solved.
        names_code: whether the title of its source names a code that the query names.
        covered, whole, rare, phrase, phrases: what it shares with the query word for word, see `Overlap`.
    """

    sim: float | None
    bm25: float
    graph: float = 0.0
    names_code: bool = False
    covered: float = 0.0
    whole: float = 1.0
    rare: float = 0.0
    phrase: float = 0.0
    phrases: float = 0.0


def relevance(evidence: Sequence[Evidence], *, idf_mass: float, weights: Weights) -> Floats:
    """Return how probable it is that each candidate answers the query, float64 [candidates], in the order given.

    Args:
        evidence: all candidates of one query.
        idf_mass: summed inverse document frequency of the query's known terms.
        weights: those of the organisation and the embedding model, see `weights_for`.
    """
    if not evidence:
        return np.zeros(0)
    features = features_of(evidence, idf_mass=idf_mass, background=weights.background)
    return probabilities(logits_of(features, weights=weights) + given_logits(evidence), weights=weights)


def logits_of(features: Mapping[str, Floats], *, weights: Weights) -> Floats:
    """Return the log odds that the features make with the weights, float64 [candidates]."""
    logits = np.full(len(features["sim"]), weights.intercept)
    for name, weight in weights.by_feature.items():
        logits += weight * features[name]
    return logits


def given_logits(evidence: Sequence[Evidence]) -> Floats:
    """Return the log odds of what no corpus taught: votes of alike tickets, and a code that query and title name."""
    graph = np.minimum([one.graph for one in evidence], 1.0)
    return np.asarray(GRAPH_LOGIT * graph + CODE_LOGIT * np.array([one.names_code for one in evidence], dtype=float))


def probabilities(logits: Floats, *, weights: Weights) -> Floats:
    """Return the probabilities of log odds; where the weights say how promises were kept, those that were kept."""
    promised = np.asarray(1 / (1 + np.exp(-logits)))
    return bend(promised, weights.kept) if weights.kept else promised


def bend(promised: Floats, kept: Sequence[tuple[float, float]]) -> Floats:
    """Return promises as they were kept; a thousandth stays, so that no two of unlike promise become one."""
    places, values = zip(*kept, strict=True)
    return np.asarray(0.999 * np.interp(promised, places, values) + 0.001 * promised)


def features_of(
    evidence: Sequence[Evidence], *, idf_mass: float, background: Mapping[str, tuple[float, float]]
) -> dict[str, Floats]:
    """Return the features of one query's candidates, each float64 [candidates].

    `sim` is the cosine similarity, `coverage` BM25 as a share of the most that the query's words could score; the rest
    of the evidence keeps its name. `name[a,b]` is how far it reaches into that interval, `_z` its standard score among
    this query's candidates, `_gap` its distance from the best one (zero or less), `_reciprocal` one over its rank, and
    `best_` the best candidate's, the same for all: it says whether there is an answer at all, not which one it is.
    Features count by how `close` the best similarity and how well `worded` the best passage is (`far` and `unworded`
    are the rest to 1), so that the list leads which has something good and neither drowns the other. All that orders by
    words counts by how much of the query the best passage has.

    Args:
        background: mean and spread of `sim` and `coverage` among candidates that answer nothing; a handful of
            candidates is judged as if the rest of a list of 50 were such, or the only article could not stand out.
    """
    sims = np.array([0.0 if one.sim is None else one.sim for one in evidence])
    coverage = np.minimum(np.array([one.bm25 for one in evidence]) / max(idf_mass * (K1 + 1), 1e-9), 1.0)
    sim_z, coverage_z = (
        _standard_scores(values, background.get(name)) for name, values in (("sim", sims), ("coverage", coverage))
    )
    far, worded = 1 - _reach(float(sims.max()), *_CLOSE), _reach(float(coverage.max()), *_WORDED)
    shared = _shared(evidence)
    say = _LEAST_SAY + (1 - _LEAST_SAY) * _reach(max(one.whole for one in evidence), *_NAMED)
    words = {
        "coverage_z": say * coverage_z,
        "coverage_gap": say * (coverage - coverage.max()),
        "coverage_reciprocal": say * _reciprocal_ranks(coverage),
        **{name: say * values for name, values in shared.items()},
    }
    return {
        "sim": sims,
        "coverage": coverage,
        **_intervals("sim", sims, _SIM_KNOTS),
        **{name: say * values for name, values in _intervals("coverage", coverage, _COVERAGE_KNOTS).items()},
        "sim_gap": sims - sims.max(),
        "sim_z": sim_z,
        "sim_z*unworded": sim_z * (1 - worded),
        "sim_z*close*unworded": sim_z * (1 - far) * (1 - worded),
        "coverage_z*worded": words["coverage_z"] * worded,
        **words,
        **{f"{name}*far": values * far for name, values in words.items()},
        **_best("best_sim", sims, _SIM_KNOTS),
        **_best("best_coverage", coverage, _COVERAGE_KNOTS),
        **_best("best_covered", shared["covered"], _COVERED_KNOTS),
    }


def _shared(evidence: Sequence[Evidence]) -> dict[str, Floats]:
    names = ("covered", "rare", "phrase", "phrases")
    return {name: np.array([getattr(one, name) for one in evidence]) for name in names}


def _intervals(name: str, values: Floats, knots: tuple[float, ...]) -> dict[str, Floats]:
    return {f"{name}[{low},{high}]": np.clip(values - low, 0.0, high - low) for low, high in pairwise(knots)}


def _best(name: str, values: Floats, knots: tuple[float, ...]) -> dict[str, Floats]:
    return _intervals(name, np.full(len(values), values.max()), knots)


def _reach(best: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (best - low) / (high - low)))


def _reciprocal_ranks(values: Floats) -> Floats:
    ranks = np.empty(len(values))
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    return 1 / ranks


def _standard_scores(values: Floats, background: tuple[float, float] | None) -> Floats:
    mean, spread = _moments(values, background)
    return np.clip((values - mean) / (spread or 1.0), _LEAST_Z, _MOST_Z)


def _moments(values: Floats, background: tuple[float, float] | None) -> tuple[float, float]:
    missing = max(0, _USUAL_CANDIDATES - len(values))
    if background is None or not missing:
        return float(values.mean()), float(values.std())
    mean_0, spread_0 = background
    count = len(values) + missing
    mean = (float(values.sum()) + missing * mean_0) / count
    squares = float(((values - mean) ** 2).sum()) + missing * (spread_0**2 + (mean_0 - mean) ** 2)
    return mean, float(np.sqrt(squares / count))


def reciprocal_rank_fusion(ranks: Sequence[tuple[int | None, int | None]], *, k: int = 60) -> Floats:
    """Return the sum of 1 / (k + rank) over both lists, float64 [candidates] (Cormack, Clarke and Buettcher 2009).

    Only for comparison: it knows no probability, and the worse list drags the better one down.
    """
    return np.array([sum(1 / (k + rank) for rank in pair if rank is not None) for pair in ranks])
