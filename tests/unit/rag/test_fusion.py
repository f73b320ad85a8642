from __future__ import annotations

import numpy as np
import pytest

from helpdesk.rag.retrieval.fusion import Evidence, reciprocal_rank_fusion, relevance
from helpdesk.rag.text.terms import K1

NOISE = [Evidence(sim=0.1 + 0.2 * step / 60, bm25=0.4 * step / 60) for step in range(60)]
MASS = 10.0


def best_of(*candidates: Evidence, model: str | None = "all-minilm") -> int:
    return int(np.argmax(relevance([*candidates, *NOISE], idf_mass=MASS, model=model)))


def test_a_meaning_without_shared_words_is_not_drowned_by_the_words() -> None:
    assert best_of(Evidence(sim=0.75, bm25=0.0), Evidence(sim=0.3, bm25=5.0)) == 0


def test_exact_words_are_not_drowned_by_middling_similarities() -> None:
    assert best_of(Evidence(sim=0.42, bm25=1.0), Evidence(sim=0.3, bm25=12.0)) == 1


@pytest.mark.parametrize("model", ["all-minilm", "another-model"])
def test_more_of_either_evidence_is_never_less_relevant(model: str) -> None:
    base = relevance([Evidence(0.5, 5.0), *NOISE], idf_mass=MASS, model=model)[0]
    assert relevance([Evidence(0.6, 5.0), *NOISE], idf_mass=MASS, model=model)[0] > base
    assert relevance([Evidence(0.5, 7.0), *NOISE], idf_mass=MASS, model=model)[0] > base


def test_without_vectors_the_words_decide() -> None:
    probabilities = relevance([Evidence(None, 12.0), Evidence(None, 1.0)], idf_mass=MASS, model=None)
    assert probabilities[0] > 0.5 > probabilities[1]


def test_nothing_suitable_is_improbable_however_it_ranks() -> None:
    assert max(relevance(NOISE, idf_mass=MASS, model="all-minilm")) < 0.2


def test_the_only_article_can_stand_out() -> None:
    alone = [Evidence(sim=0.7, bm25=0.4 * MASS * (K1 + 1))]
    assert relevance(alone, idf_mass=MASS, model="all-minilm")[0] > 0.7


def test_tickets_that_an_article_solved_raise_it() -> None:
    plain, voted = Evidence(0.4, 2.0), Evidence(0.4, 2.0, graph=0.9)
    probabilities = relevance([plain, voted, *NOISE], idf_mass=MASS, model="all-minilm")
    assert probabilities[1] > probabilities[0]


def test_no_candidates_have_no_probabilities() -> None:
    assert relevance([], idf_mass=0.0, model="all-minilm").shape == (0,)


def test_reciprocal_ranks_add_up_and_an_absent_list_adds_nothing() -> None:
    assert reciprocal_rank_fusion([(1, 2), (None, 1)]).tolist() == pytest.approx([1 / 61 + 1 / 62, 1 / 61])


def test_a_code_that_query_and_title_share_counts_in_every_language() -> None:
    plain = relevance([Evidence(0.27, 3.0), Evidence(0.26, 2.0)], idf_mass=20.0, model="all-minilm")
    coded = relevance([Evidence(0.27, 3.0, names_code=True), Evidence(0.26, 2.0)], idf_mass=20.0, model="all-minilm")
    assert coded[0] > plain[0]
    assert coded[1] == plain[1]
