from __future__ import annotations

import json

import numpy as np
import pytest

from helpdesk.triage.classifying.stacking import MODEL_ACCURACY, SHIPPED, Pair, Stacker, fit_stacker, pool

AMONG = ["a", "b", "c"]


def _pairs(count: int, *, right: float, seed: int = 0) -> list[Pair]:
    """Return votes that are right so often, beside chances that keep what they promise."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        chances = dict(zip(AMONG, random.dirichlet([2, 2, 2]).tolist(), strict=True))
        final = str(random.choice(AMONG, p=list(chances.values())))
        others = [label for label in AMONG if label != final]
        voted = final if random.random() < right else str(random.choice(others))
        found.append(Pair(chances, voted, AMONG, final))
    return found


def test_without_settled_votes_a_vote_is_evidence_by_bayes_rule() -> None:
    given = pool({"a": 0.5, "b": 0.3, "c": 0.2}, voted="b", among=AMONG)
    weighed = {"a": 0.5 * 0.125, "b": 0.3 * MODEL_ACCURACY, "c": 0.2 * 0.125}
    assert given == pytest.approx({label: chance / sum(weighed.values()) for label, chance in weighed.items()})


def test_a_vote_for_what_was_not_offered_counts_for_nothing() -> None:
    chances = {"a": 0.6, "b": 0.4}
    assert pool(chances, voted="z", among=AMONG) == chances
    assert pool(chances, voted="c", among=AMONG) == chances
    assert pool({}, voted="a", among=AMONG) == {}


def test_a_model_that_is_mostly_right_gains_weight_and_one_that_guesses_loses_it() -> None:
    good, bad = fit_stacker(_pairs(400, right=0.95)), fit_stacker(_pairs(400, right=1 / 3))
    chances = {"a": 0.4, "b": 0.3, "c": 0.3}
    assert pool(chances, voted="b", among=AMONG, stacker=good)["b"] == pytest.approx(0.94, abs=0.04)
    assert pool(chances, voted="b", among=AMONG, stacker=bad)["b"] == pytest.approx(0.3, abs=0.08)
    assert good.pairs == bad.pairs == 400


def test_fitting_predicts_fresh_votes_better_than_what_was_shipped() -> None:
    stacker = fit_stacker(_pairs(300, right=0.5))
    fresh = _pairs(500, right=0.5, seed=7)

    def loss(one: Stacker) -> float:
        return -float(
            np.mean([np.log(pool(p.chances, voted=p.voted, among=p.among, stacker=one)[p.final]) for p in fresh])
        )

    assert loss(stacker) < loss(SHIPPED) - 0.02


def test_a_few_votes_change_little() -> None:
    stacker = fit_stacker(_pairs(3, right=0.0))
    assert stacker.trust == pytest.approx(1, abs=0.15)
    assert stacker.vote == pytest.approx(1, abs=0.6)
    assert stacker.vote < 1


def test_votes_that_nobody_can_weigh_are_left_out() -> None:
    lost = [Pair({"a": 1.0}, "a", ["a"], "gone"), Pair({"a": 1.0}, "z", ["a"], "a")]
    assert fit_stacker(lost) == SHIPPED
    assert fit_stacker([]) == SHIPPED


def test_weights_survive_json() -> None:
    stacker = fit_stacker(_pairs(50, right=0.9))
    assert Stacker.from_json(json.loads(json.dumps(stacker.to_json()))) == stacker
    with pytest.raises(ValueError, match="no weights"):
        Stacker.from_json({"trust": 1})
    with pytest.raises(ValueError, match="could not convert"):
        Stacker.from_json({"trust": "x", "vote": 1, "doubt": 0, "pairs": 1})
