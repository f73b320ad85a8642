import pytest

from helpdesk.sla.prediction.hazard import PRIOR, STEPS, Ended, HazardTable, Moment, step_of


def clock(used: float, *, breached: bool = False, priority: str = "normal") -> Ended:
    return Ended("first_response", priority, used, breached)


def at(used: float, **load: float) -> Moment:
    return Moment("first_response", "normal", used, **load)  # type: ignore[arg-type]


@pytest.mark.parametrize(("used", "step"), [(0.0, 0), (0.099, 0), (0.1, 1), (0.5, 3), (0.9, 5), (7.0, 5)])
def test_a_share_of_the_target_is_on_the_last_step_it_reached(used: float, step: int) -> None:
    assert step_of(used) == step


def test_without_cases_the_prior_is_believed() -> None:
    for step, start in enumerate(STEPS):
        assert HazardTable([]).estimate(at(start)).probability == pytest.approx(PRIOR[step], abs=1e-3)


def test_many_cases_outweigh_the_prior() -> None:
    table = HazardTable([clock(0.05) for _ in range(500)] + [clock(1.2, breached=True) for _ in range(500)])
    assert table.estimate(at(0.0)).probability == pytest.approx(0.5, abs=0.01)
    # Everybody who got as far as half of the target breached.
    assert table.estimate(at(0.5)).probability > 0.98


def test_the_further_a_clock_is_the_likelier_it_breaches_where_history_says_so() -> None:
    history = [clock(share / 20) for share in range(20)] + [clock(1.5, breached=True) for _ in range(5)]
    table = HazardTable(history)
    chances = [table.estimate(at(step)).probability for step in STEPS]
    assert chances == sorted(chances)


def test_few_cases_of_a_priority_lean_on_those_of_the_others() -> None:
    table = HazardTable([clock(1.2, breached=True, priority="low") for _ in range(200)] + [clock(0.05)])
    assert table.estimate(at(0.0)).probability > 0.8


def test_more_work_than_usual_makes_a_breach_likelier_and_says_so() -> None:
    table = HazardTable([])
    calm = table.estimate(at(0.1, backlog=10, usual_backlog=10.0, inflow=5, outflow=5))
    busy = table.estimate(at(0.1, backlog=60, usual_backlog=10.0, inflow=5, outflow=5))
    assert busy.probability > calm.probability
    assert busy.reasons[0]["feature"] == "backlog"
    assert "60 tickets are open" in str(busy.reasons[0]["sentence"])


def test_a_clock_past_its_target_has_breached() -> None:
    assert HazardTable([]).estimate(at(1.01)).probability == 1.0
