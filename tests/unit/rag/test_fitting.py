from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpdesk.rag.retrieval.contest import contest
from helpdesk.rag.retrieval.fitted import read_weights, write_weights
from helpdesk.rag.retrieval.fitting import (
    ENOUGH_FOR_ISOTONIC,
    Example,
    fit_own,
    fit_shipped,
    log_loss,
    ndcg,
    promised_by,
)
from helpdesk.rag.retrieval.fusion import Evidence, features_of
from helpdesk.rag.retrieval.fusion_weights import HYBRID
from helpdesk.rag.retrieval.weights import Weights

SHIPPED = HYBRID["all-minilm"]
CANDIDATES = 40


def desk(count: int, *, led_by: str, seed: int = 1) -> list[Example]:
    """Return judged queries of a desk where one list is right and the other one confidently wrong."""
    random = np.random.default_rng(seed)
    return [_example(random, led_by) for _ in range(count)]


def _example(random: np.random.Generator, led_by: str) -> Example:
    sims, shares = random.uniform(0.1, 0.5, CANDIDATES), random.uniform(0.0, 0.3, CANDIDATES)
    right, wrong = 0, 1
    (sims if led_by == "vectors" else shares)[right] = 0.62 + random.uniform(0, 0.05)
    (shares if led_by == "vectors" else sims)[wrong] = 0.62 + random.uniform(0, 0.05)
    evidence = [Evidence(sim, share * 19.0) for sim, share in zip(sims.tolist(), shares.tolist(), strict=True)]
    return Example(
        features=features_of(evidence, idf_mass=10.0, background=SHIPPED.background),
        documents=np.arange(CANDIDATES),
        relevant=np.arange(CANDIDATES) == right,
        doubt=np.ones(CANDIDATES),
        answers=1,
        given=np.zeros(CANDIDATES),
    )


def mean_ndcg(examples: list[Example], weights: Weights) -> float:
    return float(np.mean([ndcg(one, promised_by(one, weights)) for one in examples]))


@pytest.mark.parametrize("leader", ["vectors", "words"])
def test_thirty_queries_teach_which_list_leads(leader: str) -> None:
    own = fit_own(desk(30, led_by=leader), shipped=SHIPPED)
    unseen = desk(100, led_by=leader, seed=2)
    assert mean_ndcg(unseen, own) > 0.99
    assert mean_ndcg(unseen, own) >= mean_ndcg(unseen, SHIPPED)


def test_few_queries_change_less_than_many() -> None:
    def share(count: int) -> float:
        own = fit_own(desk(count, led_by="words"), shipped=SHIPPED).by_feature
        words, meaning = "coverage_z", "sim[0.4,0.5]"
        return own[words] / own[meaning] / (SHIPPED.by_feature[words] / SHIPPED.by_feature[meaning])

    assert 1 <= share(2) < share(60)


def test_no_queries_change_nothing_in_the_order() -> None:
    own = fit_own(desk(1, led_by="words"), shipped=SHIPPED, strength=1e6)
    one = desk(1, led_by="vectors", seed=5)[0]
    order = np.argsort(-promised_by(one, SHIPPED), kind="stable")
    assert np.argsort(-promised_by(one, own), kind="stable").tolist() == order.tolist()


def test_better_weights_are_promoted_and_worse_ones_are_not() -> None:
    examples = desk(40, led_by="words")
    never = [True] * 40
    won = contest(examples, active=SHIPPED, shipped=SHIPPED, fresh=never)
    assert won.promoted
    assert won.metrics["ndcg_fitted"] >= won.metrics["ndcg_active"]
    assert won.metrics["log_loss_fitted"] <= won.metrics["log_loss_active"]

    wrong = [replace(one, relevant=np.random.default_rng(place).permutation(one.relevant)) for place, one in
             enumerate(desk(40, led_by="words", seed=3))]  # fmt: skip
    good = fit_own(wrong, shipped=SHIPPED, strength=0.0)
    lost = contest(wrong, active=good, shipped=SHIPPED, fresh=never)
    assert not lost.promoted
    assert lost.reason


def test_a_champion_is_not_judged_by_what_it_has_learnt_by_heart() -> None:
    old, new = desk(40, led_by="vectors"), desk(25, led_by="words", seed=9)
    champion = fit_own(old, shipped=SHIPPED)
    verdict = contest([*new, *old], active=champion, shipped=SHIPPED, fresh=[True] * 25 + [False] * 40)
    assert verdict.metrics["queries"] == 25


def test_from_two_hundred_queries_on_promises_are_bent() -> None:
    verdict = contest(
        desk(ENOUGH_FOR_ISOTONIC, led_by="words"),
        active=SHIPPED,
        shipped=SHIPPED,
        fresh=[True] * ENOUGH_FOR_ISOTONIC,
    )
    assert verdict.weights.kept
    places, shares = zip(*verdict.weights.kept, strict=True)
    assert list(places) == sorted(places)
    assert list(shares) == sorted(shares)


def test_what_is_shipped_is_fitted_to_several_desks_without_punishing_evidence() -> None:
    examples = [*desk(40, led_by="words"), *desk(40, led_by="vectors")]
    names = ("sim_z", "coverage_z", "sim_gap")
    weights = fit_shipped(examples, names=names, promise_names=("best_sim[0.5,0.6]",), background=SHIPPED.background)
    assert min(weights.by_feature.values()) > 0
    assert mean_ndcg(examples, weights) > 0.6
    answered = np.mean([log_loss(one, promised_by(one, weights)) for one in examples])
    assert answered < np.mean([log_loss(one, np.full(CANDIDATES, 0.5)) for one in examples])


def test_documents_are_ranked_by_their_best_passage() -> None:
    one = desk(1, led_by="words")[0]
    twice = replace(one, documents=np.array([7, 7, *range(CANDIDATES - 2)]), relevant=np.arange(CANDIDATES) < 2)
    values = np.linspace(0, 0.5, CANDIDATES)
    values[1] = 0.9
    assert ndcg(twice, values) == 1.0


def test_weights_are_kept_as_json_and_of_another_format_left_aside() -> None:
    weights = replace(SHIPPED, kept=((0.1, 0.05), (0.9, 0.8)))
    assert read_weights(write_weights(weights)) == weights
    assert read_weights(write_weights(weights).replace(b'"format": 2', b'"format": 0')) is None
