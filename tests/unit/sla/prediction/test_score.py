from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from helpdesk.sla.prediction.desk import OPEN_FOR, Decided, Desk, Step
from helpdesk.sla.prediction.endings import Endings
from helpdesk.sla.prediction.estimating.fitting import fit
from helpdesk.sla.prediction.estimating.table import lesson_of
from helpdesk.sla.prediction.features import Features, table_of
from helpdesk.sla.prediction.hazard import Ended, HazardTable, Moment
from helpdesk.sla.prediction.model import FittedModel, HazardModel, score
from helpdesk.sla.prediction.reasons import reasons_of

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def seen(**known: object) -> Features:
    return Features(**({"metric": "resolution", "priority": "normal", "used": 0.2} | known))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> FittedModel:
    draw = np.random.default_rng(1)
    past = [seen(used=float(used), backlog=int(draw.integers(0, 50))) for used in draw.uniform(0, 1, 600)]
    outcomes = np.array([float(one.used + one.backlog / 50 + draw.normal(0, 0.2) > 1) for one in past])
    return FittedModel(4, fit(lesson_of(table_of(past), np.arange(600.0), outcomes)))


def test_a_moment_is_scored_with_reasons_in_sentences(fitted: FittedModel) -> None:
    calm, pressed = score(fitted, [seen(used=0.1, left_h=9.0, backlog=3), seen(used=0.9, left_h=1.0, backlog=45)])
    assert calm.probability < 0.2 < 0.8 < pressed.probability
    assert {reason["feature"] for reason in pressed.reasons} == {"used", "backlog"}
    assert "90 % of the time for the resolution is used, 1.0 hours are left." in {
        r["sentence"] for r in pressed.reasons
    }
    assert all(float(reason["weight"]) > 0 for reason in pressed.reasons)


def test_a_clock_past_its_target_has_breached(fitted: FittedModel) -> None:
    late, soon = score(fitted, [seen(used=1.0001), seen(used=0.9)])
    assert (late.probability, late.reasons[0]["sentence"]) == (1.0, "The target has passed.")
    assert soon.probability < 1


def test_nothing_is_scored_as_nothing(fitted: FittedModel) -> None:
    assert score(fitted, []) == []


def test_the_name_of_a_model_tells_version_and_library(fitted: FittedModel) -> None:
    assert fitted.name == "breach-4 (lightgbm)"


def test_the_table_of_hazards_scores_the_same_moments() -> None:
    table = HazardTable(())
    model = HazardModel(table, "No estimator has been fitted yet.")
    (found,) = score(model, [seen(backlog=20, inflow=3)], usual_backlogs={0: 4.0})
    assert found == table.estimate(Moment("resolution", "normal", 0.2, 20, 4.0, 3, 0))


def test_every_column_has_a_sentence() -> None:
    one = seen(team="network", category="vpn", channel="email", last_sender="customer")
    table = table_of([one])
    for column in [*table.numbers, *table.categories]:
        (reason,) = reasons_of(one, {column: 1.0})
        assert not str(reason["sentence"]).endswith("counts."), column


def test_columns_that_say_one_thing_are_one_reason() -> None:
    (reason,) = reasons_of(seen(), {"used": 0.4, "left_h": 0.3, "backlog": 0.01})
    assert (reason["feature"], reason["weight"]) == ("used", 0.7)


def steps(*changes: tuple[float, str, str, bool]) -> list[Step]:
    return [Step(START + hours * HOUR, team, agent, is_open) for hours, team, agent, is_open in changes]


def test_load_is_that_of_the_moment() -> None:
    desk = Desk(
        [
            steps((0, "net", "", True), (2, "net", "ada", True), (5, "net", "ada", False), (9, "net", "ada", True)),
            steps((1, "net", "", True), (3, "mail", "", True)),
            steps((4, "", "", True)),
        ],
        [],
    )
    told = [desk.load(team="net", agent="ada", at=START + hours * HOUR) for hours in (0.5, 2.5, 4, 6, 10)]
    assert [(load.backlog, load.agent_backlog) for load in told] == [(1, 0), (2, 1), (1, 1), (0, 0), (1, 1)]
    assert desk.load(team="net", agent="", at=START + 6 * HOUR).outflow == 1
    assert [desk.load(team="", agent="", at=START + hours * HOUR).backlog for hours in (4.5, 6, 10)] == [3, 2, 3]
    assert desk.load(team="mail", agent="", at=START + 6 * HOUR).inflow == 1
    assert desk.load(team="", agent="", at=START + 30 * HOUR).inflow == 1


def test_a_ticket_that_stays_open_stops_counting_after_four_weeks() -> None:
    desk = Desk([steps((0, "net", "", True), (24 * 40, "net", "", False))], [])
    at = [START + OPEN_FOR - HOUR, START + OPEN_FOR]
    assert [desk.load(team="net", agent="", at=moment).backlog for moment in at] == [1, 0]
    assert desk.usual_backlog(team="net", at=START + 14 * DAY) == pytest.approx(14 / 28)


def test_the_past_of_a_category_is_what_was_decided_before() -> None:
    desk = Desk([], [Decided("resolution", "vpn", "acme", START + n * HOUR, n % 2 == 0) for n in range(10)])
    assert desk.past("resolution", "", "", START).cases == 0
    at = START + 5 * HOUR
    assert (desk.past("resolution", "", "", at).cases, desk.past("resolution", "category", "vpn", at).cases) == (5, 5)
    assert desk.past("resolution", "category", "mail", at).share == 0
    assert desk.past("first_response", "category", "vpn", at).cases == 0
    assert desk.past("resolution", "company", "acme", START + 120 * DAY).cases == 0


def test_clocks_end_within_the_interval_of_those_that_got_as_far() -> None:
    endings = Endings([Ended("resolution", "normal", n / 100, n > 100) for n in range(200)])
    low, high = endings.interval("resolution", "normal", 0.5) or (0, 0)
    assert 0.5 < low < 0.7 < 1.8 < high < 2.0
    # A priority with few clocks leans on all of the metric, and of few nothing is said.
    assert endings.interval("resolution", "urgent", 0.5) == (low, high)
    assert endings.interval("resolution", "normal", 1.9) is None
    assert endings.interval("first_response", "normal", 0.0) is None


def test_four_of_five_new_clocks_end_within_their_interval() -> None:
    draw = np.random.default_rng(3)
    endings = Endings([Ended("resolution", "normal", float(used), False) for used in draw.exponential(1, 400)])
    low, high = endings.interval("resolution", "normal", 0.0) or (0, 0)
    fresh = draw.exponential(1, 4000)
    assert np.mean((fresh >= low) & (fresh <= high)) == pytest.approx(0.8, abs=0.04)
