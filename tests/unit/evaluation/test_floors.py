from __future__ import annotations

import pytest
import typer

from helpdesk.cli.ai.eval_floors import read_floors
from helpdesk.evaluation.measure import Figure


def figure(part: str, field: str, measure: str, value: float) -> Figure:
    return Figure(part, field, measure, value, value, value, 30)


def test_a_floor_is_kept_or_missed_in_a_sentence() -> None:
    [floor] = read_floors(["triage.category.accuracy=0.8"])
    assert floor.missed([figure("triage", "category", "accuracy", 0.8)]) == ""
    assert "is 0.700, below 0.8" in floor.missed([figure("triage", "category", "accuracy", 0.7)])
    assert "was not measured" in floor.missed([])


def test_of_an_error_the_floor_is_the_most_it_may_be() -> None:
    [floor] = read_floors(["prediction.at_start.brier=0.15"])
    assert floor.missed([figure("prediction", "at_start", "brier", 0.1)]) == ""
    assert "above 0.15" in floor.missed([figure("prediction", "at_start", "brier", 0.2)])


@pytest.mark.parametrize(
    "said",
    [
        "accuracy=1",
        "triage.category.beauty=1",
        "rest.category.accuracy=1",
        "triage.category.accuracy=high",
        "triage.category.accuracy",
        "triage.category.accuracy=nan",
    ],
)
def test_a_floor_that_cannot_be_read_is_wrong_use(said: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_floors([said])
