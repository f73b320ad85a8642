from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval

BENCH = Path(__file__).parents[3] / "scripts/bench"
sys.path.append(str(BENCH))

from ranking_measures import MEASURES  # noqa: E402 -- from the folder above

NAMES = {
    "nDCG@10": "ndcg_cut_10",
    "MAP": "map",
    "hit@1": "success_1",
    "hit@3": "success_3",
    "MRR": "recip_rank",
}


def run(seed: int) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, float]]]:
    """Return graded judgements, irrelevant ones among them, and a run with many equal scores."""
    random = np.random.default_rng(seed)
    qrels, scores = {}, {}
    for query in range(20):
        pool = [f"d{place}" for place in range(60)]
        judged = random.choice(pool, size=random.integers(1, 25), replace=False)
        grades = random.integers(0, 4, size=len(judged))
        grades[0] = max(grades[0], 1)
        qrels[f"q{query}"] = {str(name): int(grade) for name, grade in zip(judged, grades, strict=True)}
        found = random.choice(pool, size=random.integers(1, 50), replace=False)
        scores[f"q{query}"] = {str(name): float(random.integers(0, 8)) for name in found}
    return qrels, scores


@pytest.mark.parametrize("seed", range(8))
def test_our_measures_are_those_of_trec_eval(seed: int) -> None:
    qrels, scores = run(seed)
    expected = pytrec_eval.RelevanceEvaluator(qrels, set(NAMES.values())).evaluate(scores)
    for query, found in scores.items():
        # trec_eval ranks equal scores by their names, the last one first.
        ranked = [name for name, _ in sorted(found.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)]
        for name, measure in MEASURES.items():
            assert measure(ranked, qrels[query]) == pytest.approx(expected[query][NAMES[name]], abs=1e-6), name


def test_a_query_without_a_relevant_document_scores_nothing() -> None:
    assert [measure(["d1"], {"d1": 0}) for measure in MEASURES.values()] == [0.0] * len(MEASURES)
