"""One order and one probability out of two lists: logistic fusion of what vectors and words say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helpdesk.rag.fusion_weights import GRAPH_LOGIT, HYBRID, LEXICAL, MODEL_FREE
from helpdesk.rag.terms import K1

Floats = NDArray[np.float64]

# What one full list has.
_USUAL_CANDIDATES = 50
_SIM_KNOTS = (0.4, 0.5, 0.6, 0.7)
_COVERAGE_KNOTS = (0.2, 0.4, 0.6)


@dataclass(frozen=True)
class Evidence:
    """What the lists say of one passage.

    Attributes:
        sim: cosine similarity to the query, None without a vector.
        bm25: BM25 score of the passage.
        graph: summed similarity of resolved tickets that its source solved.
    """

    sim: float | None
    bm25: float
    graph: float = 0.0


def relevance(evidence: Sequence[Evidence], *, idf_mass: float, model: str | None) -> Floats:
    """Return how probable it is that each candidate answers the query, float64 [candidates], in the order given.

    Without vectors the words decide alone. A model that no weights were fitted for is judged by ranks and standard
    scores, which do not depend on its scale.

    Args:
        evidence: all candidates of one query.
        idf_mass: summed inverse document frequency of the query's known terms.
        model: name of the embedding model, without its tag; None when the query has no vector.
    """
    if not evidence:
        return np.zeros(0)
    weights = LEXICAL if model is None else HYBRID.get(model, MODEL_FREE)
    features = features_of(evidence, idf_mass=idf_mass, background=weights.background)
    graph = np.minimum([one.graph for one in evidence], 1.0)
    logits = weights.intercept + GRAPH_LOGIT * graph
    for name, weight in weights.by_feature.items():
        logits += weight * features[name]
    return np.asarray(1 / (1 + np.exp(-logits)))


def features_of(
    evidence: Sequence[Evidence], *, idf_mass: float, background: Mapping[str, tuple[float, float]]
) -> dict[str, Floats]:
    """Return the features of one query's candidates, each float64 [candidates].

    `sim` and `coverage` (BM25 as a share of the most that the query's words could score) compare between queries, and
    `name>x` is what exceeds x. `_z`, `_reciprocal` and `_top` are standard score, reciprocal rank and the best value
    among this query's candidates. The products let the list lead whose best candidate is good in itself, so that
    neither drowns the other.

    Args:
        background: mean and spread of `sim` and `coverage` among candidates that answer nothing; a handful of
            candidates is judged as if the rest of a list of 50 were such, or the only article could not stand out.
    """
    sims = np.array([0.0 if one.sim is None else one.sim for one in evidence])
    coverage = np.minimum(np.array([one.bm25 for one in evidence]) / max(idf_mass * (K1 + 1), 1e-9), 1.0)
    found = {"sim": sims, "coverage": coverage}
    for name, values in (("sim", sims), ("coverage", coverage)):
        found.update(_relative(name, values, background.get(name)))
    found.update({f"sim>{knot}": np.maximum(0.0, sims - knot) for knot in _SIM_KNOTS})
    found.update({f"coverage>{knot}": np.maximum(0.0, coverage - knot) for knot in _COVERAGE_KNOTS})
    close, worded = max(0.0, float(sims.max()) - 0.5), max(0.0, float(coverage.max()) - 0.4)
    for name in ("sim_z", "coverage_z"):
        found[f"{name}*close"] = found[name] * close
        found[f"{name}*worded"] = found[name] * worded
    found["sim_z*coverage_z"] = found["sim_z"] * found["coverage_z"]
    return found


def _relative(name: str, values: Floats, background: tuple[float, float] | None) -> dict[str, Floats]:
    ranks = np.empty(len(values))
    ranks[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    mean, spread = _moments(values, background)
    return {
        f"{name}_z": (values - mean) / (spread or 1.0),
        f"{name}_reciprocal": 1 / ranks,
        f"{name}_top": np.full(len(values), values.max()),
    }


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
