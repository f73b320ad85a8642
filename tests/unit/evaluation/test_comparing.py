from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpdesk.evaluation.comparing import Difference, compare
from helpdesk.evaluation.evaluating import Evaluation
from helpdesk.evaluation.labelled_files import BadData
from helpdesk.evaluation.measure import figures_of
from helpdesk.evaluation.report import as_json, read_samples
from helpdesk.evaluation.sample import Sample
from tests.unit.evaluation.samples import triage_sample

GOOD = [place % 10 != 0 for place in range(200)]
POOR = [place % 10 > 2 for place in range(200)]


def accuracy(before: Sample, now: Sample) -> Difference:
    return next(one for one in compare([before], [now], seed=0) if one.measure == "accuracy")


def test_a_run_on_the_same_cases_is_compared_case_by_case() -> None:
    found = accuracy(triage_sample(GOOD), triage_sample(POOR))
    assert found.paired
    assert found.by == pytest.approx(-0.2)
    assert found.low < found.by < found.high < 0
    assert found.word == "worse"
    assert accuracy(triage_sample(POOR), triage_sample(GOOD)).word == "better"


def test_a_run_on_other_cases_is_compared_with_a_wider_interval() -> None:
    # A twentieth of the tickets is answered otherwise: enough to be shown case by case only.
    slightly = [right and place % 20 != 1 for place, right in enumerate(GOOD)]
    paired = accuracy(triage_sample(GOOD), triage_sample(slightly))
    unpaired = accuracy(triage_sample(GOOD, name="other"), triage_sample(slightly))
    assert (paired.paired, paired.word) == (True, "worse")
    assert (unpaired.paired, unpaired.word) == (False, "no difference shown")
    assert unpaired.high - unpaired.low > paired.high - paired.low


def test_the_same_run_shows_no_difference() -> None:
    found = compare([triage_sample(GOOD)], [triage_sample(GOOD)], seed=0)
    assert {one.word for one in found} == {"no difference shown"}


def test_of_an_error_less_is_better() -> None:
    found = compare([triage_sample(GOOD, promised=0.9)], [triage_sample(GOOD, promised=0.5)], seed=0)
    words = {one.measure: one.word for one in found}
    assert words["calibration_error"] == "worse"
    assert words["accuracy"] == "no difference shown"


def test_nothing_is_said_of_too_few_cases_or_of_what_only_one_run_has() -> None:
    assert compare([triage_sample(GOOD[:10])], [triage_sample(POOR)], seed=0) == []
    assert compare([], [triage_sample(POOR)], seed=0) == []


def test_an_evaluation_is_read_back_from_its_json(tmp_path: Path) -> None:
    samples = [triage_sample(GOOD, promised=1 / 3)]
    figures, missing = figures_of(samples, seed=3)
    made = Evaluation(datetime(2026, 3, 3, tzinfo=UTC), 3, {}, {}, samples, figures, missing)
    told = as_json(made, product="1.0", organization="desk")
    file = tmp_path / "eval.json"
    file.write_text(json.dumps(told))

    [read] = read_samples(file)

    assert (read.name, list(read.keys)) == ("triage.category", list(samples[0].keys))
    found = compare([read], samples, seed=0)
    assert {(one.by, one.low, one.high) for one in found} == {(0, 0, 0)}


UNEVEN = {"part": "triage", "field": "type", "measures": ["accuracy"], "keys": ["a"], "columns": {"right": [1, 0]}}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("{", "is no evaluation"),
        ('{"format": 1}', "do not fit"),
        ('{"format": 9, "samples": []}', "another version"),
        (json.dumps({"format": 1, "samples": [UNEVEN]}), "differ in length"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path, words: str, says: str) -> None:
    file = tmp_path / "eval.json"
    file.write_text(words)
    with pytest.raises(BadData, match=says):
        read_samples(file)
