"""One order and one probability out of two lists: logistic fusion of what vectors and words say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helpdesk.rag.fusion_weights import HYBRID, LEXICAL, MODEL_FREE, GRAPH_LOGIT, Weights
from helpdesk.rag.terms import K1

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What the two lists say of one passage.

    Attributes:
        sim: cosine similarity to the query, None without a vector.
        bm25: BM25 score of the passage.
        graph: summed similarity of resolved tickets that this source solved.
    """

    sim: float | None
    bm25: float
    graph: float = 0.0


def relevance(evidence: Sequence[Evidence], *, idf_mass: float, model: str | None) -> Floats:
    """Return how probable it is that each candidate answers the query, in the order given.

    Without vectors the words decide alone. A model that no weights were fitted for is judged by ranks, shares and
    standard scores only, which do not depend on its scale.

    Args:
        evidence: all candidates of one query.
        idf_mass: summed inverse document frequency of the query's known terms.
        model: name of the embedding model, without its tag; None when the query has no vector.
    """
    if not evidence:
        return np.zeros(0)
    graph = np.array([one.graph for one in evidence])
    weights = LEXICAL if model is None else HYBRID.get(model, MODEL_FREE)
    features = features_of(evidence, idf_mass=idf_mass)
    logits = np.full(len(evidence), weights.intercept) + GRAPH_LOGIT * np.minimum(graph, 1.0)
    for name, weight in weights.by_feature.items():
        logits += weight * features[name]
    return np.asarray(1 / (1 + np.exp(-logits)))


def features_of(evidence: Sequence[Evidence], *, idf_mass: float) -> dict[str, Floats]:
    """Return the features of one query's candidates, each an array [candidates].

    `sim` and `coverage` (BM25 as a share of the most that the query's words could score) are comparable between
    queries; standard score, share of the best, reciprocal rank and gap to the best are relative to this query's
    candidates. `*_lead` says how far the best of a list stands out, so that the list which is sure leads.
    """
    sims = np.array([0.0 if one.sim is None else one.sim for one in evidence])
    coverage = np.array([one.bm25 for one in evidence]) / max(idf_mass * (K1 + 1), 1e-9)
    coverage = np.minimum(coverage, 1.0)
    found = {"sim": sims, "coverage": coverage, **_relative("sim", sims), **_relative("coverage", coverage)}
    found["sim_z_lead"] = found["sim_z"] * found["sim_lead"]
    found["coverage_z_lead"] = found["coverage_z"] * found["coverage_lead"]
    found["coverage_z_top"] = found["coverage_z"] * found["coverage_top"]
    found["sim_z_top"] = found["sim_z"] * found["sim_top"]
    found["both"] = sims * coverage
    return found


def _relative(name: str, values: Floats) -> dict[str, Floats]:
    best = float(values.max())
    order = np.empty(len(values))
    order[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
    spread = float(values.std()) or 1.0
    others = np.sort(values)[::-1]
    lead = (best - float(others[min(10, len(others) - 1)])) / max(abs(best), 1e-9)
    return {
        f"{name}_z": (values - values.mean()) / spread,
        f"{name}_share": values / max(best, 1e-9),
        f"{name}_reciprocal": 1 / order,
        f"{name}_top": np.full(len(values), best),
        f"{name}_lead": np.full(len(values), lead),
    }


def reciprocal_rank_fusion(ranks: Sequence[tuple[int | None, int | None]], *, k: int = 60) -> Floats:
    """Return the sum of 1 / (k + rank) over both lists (Cormack, Clarke and Büttcher 2009); a list without the
    candidate adds nothing. Only for comparison: it knows no probability, and the worse list drags down the better.
    """  # noqa: D205 -- one sentence
    return np.array([sum(1 / (k + rank) for rank in pair if rank is not None) for pair in ranks])


__all__ = ["Evidence", "Weights", "features_of", "reciprocal_rank_fusion", "relevance"]
