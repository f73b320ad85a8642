from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpdesk.rag.retrieval.fusion import Evidence, bend, features_of, reciprocal_rank_fusion, relevance
from helpdesk.rag.retrieval.fusion_weights import HYBRID, LEXICAL, shipped_weights
from helpdesk.rag.text.terms import K1

NOISE = [Evidence(sim=0.1 + 0.2 * step / 60, bm25=0.4 * step / 60) for step in range(60)]
MASS = 10.0
MINILM = HYBRID["all-minilm"]


def best_of(*candidates: Evidence, model: str | None = "all-minilm") -> int:
    return int(np.argmax(relevance([*candidates, *NOISE], idf_mass=MASS, weights=shipped_weights(model))))


def test_a_meaning_without_shared_words_is_not_drowned_by_the_words() -> None:
    assert best_of(Evidence(sim=0.75, bm25=0.0), Evidence(sim=0.3, bm25=5.0)) == 0


def test_exact_words_are_not_drowned_by_middling_similarities() -> None:
    assert best_of(Evidence(sim=0.42, bm25=1.0), Evidence(sim=0.3, bm25=12.0)) == 1


@pytest.mark.parametrize("model", ["all-minilm", "another-model"])
def test_of_two_candidates_more_of_either_evidence_is_never_less_relevant(model: str) -> None:
    plain, closer, worded = Evidence(0.5, 5.0), Evidence(0.6, 5.0), Evidence(0.5, 7.0)
    shared = Evidence(0.5, 5.0, covered=0.8, rare=0.6, phrase=0.5, phrases=0.5)
    found = relevance([plain, closer, worded, shared, *NOISE], idf_mass=MASS, weights=shipped_weights(model))
    assert min(found[1:4]) > found[0]


def test_without_vectors_the_words_decide() -> None:
    named = Evidence(None, 12.0, covered=1.0, rare=1.0, phrase=1.0, phrases=0.5)
    probabilities = relevance([named, Evidence(None, 1.0)], idf_mass=MASS, weights=LEXICAL)
    assert probabilities[0] > 0.5 > probabilities[1]


@pytest.mark.parametrize("model", [None, "all-minilm", "another-model"])
def test_no_shipped_weight_punishes_evidence(model: str | None) -> None:
    assert min(shipped_weights(model).by_feature.values()) >= 0


def test_promises_are_bent_to_what_was_kept_without_making_two_alike() -> None:
    weights = replace(MINILM, kept=((0.0, 0.0), (0.5, 0.1), (0.9, 0.1), (1.0, 1.0)))
    bent = bend(np.array([0.5, 0.6, 0.9]), weights.kept)
    assert bent == pytest.approx([0.1, 0.1, 0.1], abs=0.001)
    assert sorted(set(bent.tolist())) == bent.tolist()


def test_nothing_suitable_is_improbable_however_it_ranks() -> None:
    assert max(relevance(NOISE, idf_mass=MASS, weights=MINILM)) < 0.2


def test_the_only_article_can_stand_out() -> None:
    alone = [Evidence(sim=0.7, bm25=0.4 * MASS * (K1 + 1))]
    assert relevance(alone, idf_mass=MASS, weights=MINILM)[0] > 0.7


def test_tickets_that_an_article_solved_raise_it() -> None:
    plain, voted = Evidence(0.4, 2.0), Evidence(0.4, 2.0, graph=0.9)
    probabilities = relevance([plain, voted, *NOISE], idf_mass=MASS, weights=MINILM)
    assert probabilities[1] > probabilities[0]


def test_no_candidates_have_no_probabilities() -> None:
    assert relevance([], idf_mass=0.0, weights=MINILM).shape == (0,)


def test_reciprocal_ranks_add_up_and_an_absent_list_adds_nothing() -> None:
    assert reciprocal_rank_fusion([(1, 2), (None, 1)]).tolist() == pytest.approx([1 / 61 + 1 / 62, 1 / 61])


def test_a_code_that_query_and_title_share_counts_in_every_language() -> None:
    plain = relevance([Evidence(0.27, 3.0), Evidence(0.26, 2.0)], idf_mass=20.0, weights=MINILM)
    coded = relevance([Evidence(0.27, 3.0, names_code=True), Evidence(0.26, 2.0)], idf_mass=20.0, weights=MINILM)
    assert coded[0] > plain[0]
    assert coded[1] == plain[1]


def test_words_count_less_where_no_passage_has_half_of_the_query() -> None:
    def words_of(whole: float) -> float:
        evidence = [Evidence(0.5, 9.0, rare=0.8, whole=whole), Evidence(0.5, 1.0, whole=0.1)]
        return float(features_of(evidence, idf_mass=10.0, background={})["rare"][0])

    assert words_of(0.95) == pytest.approx(0.8)
    assert words_of(0.4) == pytest.approx(0.8 / 3)
    assert words_of(0.4) < words_of(0.7) < words_of(0.95)
