from __future__ import annotations

import numpy as np
import pytest

from helpdesk.triage.learning.drift_rule import Window, drift_of, psi


def window(classes: dict[str, int], *, mean: float = 0.9, spread: float = 0.1, **more: int) -> Window:
    named = sum(classes.values())
    return Window(classes=classes, confidence=(named * mean, named * (mean**2 + spread**2)), **more)


BEFORE = window({"network": 200, "hardware": 200}, unknown=20, asked_model=40, judged=80, overridden=4)


def test_a_week_like_the_others_needs_nobody() -> None:
    week = window({"network": 48, "hardware": 55}, unknown=6, asked_model=12, judged=25, overridden=2)
    found = drift_of("category", BEFORE, week)
    assert (found.act, found.sentence) == (False, "category: as in the weeks before; nothing to do.")
    assert found.figures["psi"] < 0.05


def test_another_mix_of_classes_is_named_with_the_class_that_moved_most() -> None:
    found = drift_of("category", BEFORE, window({"network": 10, "hardware": 90}))
    assert found.act
    assert "network" in found.sentence or "hardware" in found.sentence
    assert "PSI 0.7" in found.sentence or "PSI 0.8" in found.sentence
    assert found.figures["psi"] > found.figures["psi_by_chance"]


def test_less_confidence_more_overrides_more_unknown_and_more_questions_each_have_their_sentence() -> None:
    mix = {"network": 60, "hardware": 60}
    assert "less sure than before (0.90 → 0.80)" in drift_of("type", BEFORE, window(mix, mean=0.8)).sentence
    overridden = window(mix, judged=40, overridden=12)
    assert "overridden more often than before (5% → 30%)" in drift_of("type", BEFORE, overridden).sentence
    assert "a category may be missing" in drift_of("type", BEFORE, window(mix, unknown=40)).sentence
    assert "a text model is asked more often" in drift_of("type", BEFORE, window(mix, asked_model=60)).sentence


def test_a_change_that_chance_explains_is_none() -> None:
    # Six of twenty after one of ten: a large step, and few cases.
    before = window({"network": 200}, judged=20, overridden=2)
    week = window({"network": 60}, judged=20, overridden=6)
    assert not drift_of("category", before, week).act


def test_few_predictions_are_said_to_be_too_few() -> None:
    found = drift_of("category", BEFORE, window({"network": 49}))
    assert (found.act, found.figures["psi"]) == (False, None)
    assert found.sentence == "category: 49 predictions this week and 420 before are too few to tell."


def test_without_a_shift_the_index_exceeds_its_bound_once_in_a_hundred_times() -> None:
    random = np.random.default_rng(3)
    shares = [0.4, 0.3, 0.2, 0.1]
    beyond = 0
    for _ in range(1000):
        counts = [dict(zip("abcd", random.multinomial(size, shares).tolist(), strict=True)) for size in (400, 100)]
        index, bound = psi(*counts)
        beyond += index > bound
    assert 1 <= beyond <= 25


def test_a_class_that_is_new_or_gone_counts_and_many_classes_do_not_break_it() -> None:
    index, _ = psi({"a": 100}, {"b": 100})
    assert index > 5
    many = {f"class-{number}": 3 for number in range(60)}
    assert psi(many, many)[0] == pytest.approx(0, abs=1e-9)
    assert psi({}, {}) == (0, pytest.approx(psi({}, {})[1]))
