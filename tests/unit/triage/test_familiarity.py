from __future__ import annotations

import numpy as np
import pytest

from helpdesk.triage.classifying.familiarity import Tried, figures_of, fit_familiarity


def _figures(mean: float, count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, (count, 3))


def test_what_was_left_out_tells_known_from_unknown() -> None:
    known = _figures(0, 500, 1)
    found = fit_familiarity(known, Tried(_figures(0, 300, 2), _figures(-2, 300, 3)))
    assert (found.probability(_figures(-2, 1000, 4)) < found.cut).mean() > 0.9
    assert 0.02 < (found.probability(_figures(0, 1000, 5)) < found.cut).mean() < 0.12
    assert found.tested is not None
    assert found.tested > 0.95


def test_figures_of_another_level_are_compared_with_what_is_usual_there() -> None:
    found = fit_familiarity(_figures(10, 500, 1), Tried(_figures(0, 300, 2), _figures(-2, 300, 3)))
    assert (found.probability(_figures(8, 1000, 4)) < found.cut).mean() > 0.9
    assert (found.probability(_figures(10, 1000, 5)) < found.cut).mean() < 0.12


def test_where_nothing_can_be_left_out_likeness_alone_decides_and_rarely_speaks() -> None:
    known = _figures(0, 500, 1)
    found = fit_familiarity(known)
    assert found.tested is None
    assert (found.probability(known) < found.cut).mean() == pytest.approx(0.02, abs=0.005)
    assert found.probability(np.array([-9.0, 0, 0])) < found.cut < found.probability(np.array([0.0, -9, -9]))


def test_the_figures_are_likeness_evidence_and_lead() -> None:
    [row] = figures_of(np.array([0.7], dtype=np.float32), np.array([[2.0, 0.0]]), labels=2)
    assert row == pytest.approx([0.7, np.log(np.exp(2) + 1), 2.0])
    [row] = figures_of(np.array([0.7], dtype=np.float32), np.array([[2.0, 0.0, 1.0]]), labels=2)
    assert row[3] == pytest.approx(np.log(np.exp(2) + 1) - 1)


def test_a_few_texts_that_fit_nothing_add_to_what_left_out_labels_tell() -> None:
    def with_fourth(mean: float, fourth: float, count: int, seed: int) -> np.ndarray:
        figures = _figures(mean, count, seed)
        return np.column_stack([figures, np.random.default_rng(seed + 50).normal(fourth, 1, count)])

    tried = Tried(_figures(0, 300, 2), _figures(-1, 300, 3))
    found = fit_familiarity(with_fourth(0, 0, 500, 1), tried, with_fourth(-1, -3, 12, 4))
    plain = fit_familiarity(_figures(0, 500, 1), tried)
    marked = (found.probability(with_fourth(-1, -3, 1000, 6)) < found.cut).mean()
    assert marked > (plain.probability(_figures(-1, 1000, 6)) < plain.cut).mean() + 0.1
    assert (found.probability(with_fourth(0, 0, 1000, 7)) < found.cut).mean() < 0.12
