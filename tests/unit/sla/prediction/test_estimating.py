import sys

import numpy as np
import pytest

from helpdesk.measures.ranking import auc
from helpdesk.sla.prediction.estimating.encoding import learn_encoder
from helpdesk.sla.prediction.estimating.estimator import Estimator, read_estimator, write_estimator
from helpdesk.sla.prediction.estimating.fitting import TooLittleToLearn, fit
from helpdesk.sla.prediction.estimating.history import learn_history
from helpdesk.sla.prediction.estimating.library import boosting_library
from helpdesk.sla.prediction.estimating.table import Lesson, Table, lesson_of
from helpdesk.sla.prediction.estimating.trees import TreesUnreadable
from tests.unit.sla.prediction.rows import rows

LIBRARIES = ("lightgbm", "scikit-learn")
ROUNDS = 60


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "scikit-learn":
        monkeypatch.setitem(sys.modules, "lightgbm", None)
    return str(request.param)


@pytest.fixture
def estimator(library: str) -> Estimator:
    return fit(rows(), rounds=ROUNDS)


def test_the_library_tells_why_it_is_this_one(library: str) -> None:
    found = boosting_library()
    assert found.name == library
    assert (
        found.reason == "LightGBM is not installed."
        if library == "scikit-learn"
        else found.reason.endswith("is there.")
    )


def test_a_missing_libgomp_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "lightgbm":
                raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    found = boosting_library()
    assert found.name == "scikit-learn"
    assert "libgomp1" in found.reason


def test_what_was_learnt_holds_for_newer_rows(estimator: Estimator, library: str) -> None:
    newer = rows(seed=2, start=60.0, falls=False)
    assert auc(estimator.judge(newer.table), newer.outcomes) > 0.75
    assert estimator.figures["library"] == library
    assert estimator.figures["auc"] > 0.7


def test_a_rate_that_fell_is_promised_as_it_is_now(estimator: Estimator) -> None:
    lesson = rows(seed=3)
    late = lesson.rows(lesson.times > 45)
    assert estimator.judge(late.table).mean() == pytest.approx(late.outcomes.mean(), abs=0.07)


def test_the_same_rows_give_the_same_estimator(estimator: Estimator) -> None:
    again = fit(rows(), rounds=ROUNDS)
    assert write_estimator(again) == write_estimator(estimator)


def test_an_estimator_is_the_same_after_writing_and_reading(estimator: Estimator) -> None:
    table = rows(50, seed=9).table
    read = read_estimator(write_estimator(estimator))
    assert read is not None
    np.testing.assert_array_equal(read.judge(table), estimator.judge(table))
    np.testing.assert_array_equal(read.contributions(table)["load"], estimator.contributions(table)["load"])
    assert (read.figures, read.trained_on) == (estimator.figures, 1200)


def test_contributions_and_the_base_add_up_to_the_log_odds(estimator: Estimator) -> None:
    table = rows(40, seed=9).table
    margins = estimator.trees.margins(estimator.encoder.apply(table))
    rest = margins - sum(estimator.contributions(table).values())
    np.testing.assert_allclose(rest, rest[0], atol=1e-6)


def test_what_drives_an_outcome_contributes_most(estimator: Estimator) -> None:
    table = Table(
        {"load": np.array([3.0, -3.0])}, {"place": np.array(["south", "south"]), "caller": np.array(["c1", "c1"])}
    )
    load = estimator.contributions(table)["load"]
    assert load[0] > 0.2 > -0.2 > load[1]


def test_unknown_values_and_missing_columns_are_judged_all_the_same(estimator: Estimator) -> None:
    table = Table({}, {"place": np.array(["east", ""]), "caller": np.array(["nobody", ""])})
    assert ((estimator.judge(table) > 0) & (estimator.judge(table) < 1)).all()


def test_trees_of_a_library_that_is_not_here_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    written = write_estimator(fit(rows(300), rounds=5))
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(TreesUnreadable, match="not installed"):
        read_estimator(written)


def test_trees_of_scikit_learn_are_read_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    estimator = fit(rows(300), rounds=5)
    written, table = write_estimator(estimator), rows(20, seed=2).table
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    read = read_estimator(written)
    assert read is not None
    np.testing.assert_array_equal(read.judge(table), estimator.judge(table))


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_rows_that_all_went_the_same_way_teach_nothing(outcome: float) -> None:
    lesson = rows(200)
    with pytest.raises(TooLittleToLearn):
        fit(lesson_of(lesson.table, lesson.times, np.full(200, outcome)))


def test_few_rows_teach_nothing() -> None:
    with pytest.raises(TooLittleToLearn):
        fit(rows(49))


def test_sixty_rows_give_an_estimator_that_judges() -> None:
    estimator = fit(rows(60), rounds=5)
    assert np.isfinite(estimator.judge(rows(60, seed=2).table)).all()


def test_a_lesson_of_unequal_columns_or_other_outcomes_is_refused() -> None:
    lesson = rows(60)
    with pytest.raises(ValueError, match="unequal"):
        lesson_of(lesson.table, lesson.times[1:], lesson.outcomes)
    with pytest.raises(ValueError, match="0 or 1"):
        lesson_of(lesson.table, lesson.times, lesson.outcomes + 0.5)
    with pytest.raises(ValueError, match="its time"):
        lesson_of(lesson.table, np.where(lesson.times > 1, np.nan, lesson.times), lesson.outcomes)


def test_a_history_counts_only_what_was_known_before() -> None:
    times = np.array([0.0, 1.0, 1.0, 2.0, 3.0])
    known = np.array([0.0, 2.5, 1.0, 2.0, 3.0])
    history, rates, seen = learn_history(np.array(["a"] * 5), times, np.ones(5), known)
    # At 1 the first is known; at 2 that and the third; at 3 all before it.
    np.testing.assert_allclose(np.expm1(seen), [0, 1, 1, 2, 4])
    np.testing.assert_allclose(rates, [0, 1 / 21, 1 / 21, 2 / 22, 4 / 24])
    assert history.counts == {"a": 5.0}


def later_changed(lesson: Lesson, at: float) -> Lesson:
    later = lesson.known_at >= at
    return lesson_of(lesson.table, lesson.times, np.where(later, 1 - lesson.outcomes, lesson.outcomes), lesson.known_at)


@pytest.mark.parametrize("at", [5.0, 20.0, 41.0])
def test_outcomes_of_later_change_no_encoding_of_earlier_rows(at: float) -> None:
    lesson = rows()
    delayed = lesson_of(lesson.table, lesson.times, lesson.outcomes, lesson.times + 3.0)
    earlier = delayed.times <= at
    before, after = learn_encoder(delayed)[1], learn_encoder(later_changed(delayed, at))[1]
    np.testing.assert_array_equal(before[earlier], after[earlier])
