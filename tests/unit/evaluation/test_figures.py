from __future__ import annotations

import pytest

from helpdesk.evaluation.measure import Figure, figures_of
from helpdesk.evaluation.sample import Gathering, Sample
from helpdesk.measures.intervals import wilson
from tests.unit.evaluation.samples import triage_sample


def by_name(samples: list[Sample], *, seed: int = 0) -> dict[str, Figure]:
    return {one.name: one for one in figures_of(samples, seed=seed)[0]}


def test_figures_come_with_the_interval_of_a_share_or_of_samples_drawn() -> None:
    found = by_name([triage_sample([True] * 24 + [False] * 6)])

    accuracy = found["triage.category.accuracy"]
    assert (accuracy.value, accuracy.n) == (0.8, 30)
    assert (accuracy.low, accuracy.high) == wilson(24, 30)
    f1 = found["triage.category.macro_f1"]
    assert f1.low < f1.value < f1.high
    assert found["triage.category.calibration_error"].value == pytest.approx(0)


def test_the_same_seed_gives_the_same_intervals_and_another_one_others() -> None:
    sample = triage_sample([place % 3 != 0 for place in range(40)])
    first, again, other = (by_name([sample], seed=seed)["triage.category.macro_f1"] for seed in (1, 1, 2))
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_too_little_data_is_told_with_what_is_missing_instead_of_a_figure() -> None:
    figures, missing = figures_of([triage_sample([True] * 7)], seed=0)
    assert figures == []
    assert [(one.have, one.need) for one in missing] == [(7, 20)]
    assert missing[0].sentence == "7 tickets; it takes 20, 13 more."


def test_moments_of_one_clock_count_as_one_case_for_the_interval() -> None:
    few = Gathering("prediction", "all_moments", ("brier",), "clocks")
    many = Gathering("prediction", "all_moments", ("brier",), "clocks")
    for clock in range(30):
        for moment in range(8):
            came = clock % 3 == 0
            few.add(f"{clock} {moment}", group=clock, promised=0.3, came=int(came))
            many.add(f"{clock} {moment}", group=f"{clock} {moment}", promised=0.3, came=int(came))
    grouped, single = (by_name([one.sample()])["prediction.all_moments.brier"] for one in (few, many))
    assert grouped.value == single.value
    assert grouped.high - grouped.low > 2 * (single.high - single.low)


def test_a_figure_among_answers_is_taken_of_the_answered_alone() -> None:
    found = Gathering("drafts", "articles", ("answered", "cites_right", "unsupported"), "questions")
    for place in range(40):
        found.add(place, answered=place % 2, right=int(place % 4 == 1), sentences=2 * (place % 2), unsupported=0)
    figures = by_name([found.sample()])
    assert figures["drafts.articles.answered"].value == 0.5
    assert (figures["drafts.articles.cites_right"].value, figures["drafts.articles.cites_right"].n) == (0.5, 20)
    # None of twenty is no proof of none at all.
    assert figures["drafts.articles.unsupported"].value == 0
    assert figures["drafts.articles.unsupported"].high == pytest.approx(wilson(0, 20)[1])


def test_what_no_case_counts_for_has_no_figure() -> None:
    sample = Sample(
        part="drafts",
        field="articles",
        measures=("answered", "cites_right"),
        keys=[str(place) for place in range(20)],
        columns={"answered": [0] * 20, "right": [0] * 20},
    )
    assert by_name([sample]).keys() == {"drafts.articles.answered"}


def test_ranks_of_clocks_that_all_went_the_same_way_are_no_figure() -> None:
    found = Gathering("prediction", "at_start", ("auc", "brier"), "clocks")
    for place in range(30):
        found.add(place, promised=0.1, came=0)
    assert by_name([found.sample()]).keys() == {"prediction.at_start.brier"}


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        Sample(part="triage", field="type", measures=(), keys=["a"], columns={"right": [1, 0]})


def test_cases_about_the_same_thing_have_keys_of_their_own_that_tell_nothing() -> None:
    found = Gathering("triage", "type", (), "tickets")
    for _ in range(3):
        found.add("VPN drops", right=1)
    keys = found.sample().keys
    assert len(set(keys)) == 3
    assert not any("VPN" in key for key in keys)
