import pytest

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import at, clocks, created, moved, policy, priority, reply, resolution, status

POLICIES = {
    "p": policy(normal={"resolution": 480}, urgent={"resolution": 60}, low={"first_response": 60}),
    "q": policy(resolution=960),
}


def test_without_a_policy_there_are_no_clocks():
    assert clocks([created("3 10:00", policy=None), reply("3 11:00")], "3 12:00", POLICIES) == {}


def test_a_priority_without_a_target_for_the_metric_has_no_clock():
    assert list(clocks([created("3 10:00", priority="low")], "3 12:00", POLICIES)) == ["first_response"]
    assert clocks([created("3 10:00", priority="high")], "3 12:00", POLICIES) == {}


@pytest.mark.parametrize("loss", [moved("3 12:00", None), priority("3 12:00", "high")])
def test_a_clock_that_loses_its_target_is_cancelled(loss):
    clock = resolution([created("3 10:00"), loss], "3 13:00", POLICIES)
    assert (clock.state, clock.outcome, clock.stopped_at) == (
        ClockState.CANCELLED,
        Outcome.CANCELLED,
        at("3 12:00"),
    )
    assert (clock.elapsed_s, clock.due_at) == (7200, at("4 10:00"))


def test_a_late_clock_that_loses_its_target_stays_breached():
    log = [created("3 10:00", priority="urgent"), moved("3 12:00", None)]
    assert resolution(log, "3 13:00", POLICIES).outcome is Outcome.BREACHED


def test_a_cancelled_clock_goes_on_over_its_whole_life_when_a_target_comes_back():
    log = [created("3 10:00"), moved("3 12:00", None), moved("3 14:00", "q")]
    clock = resolution(log, "3 15:00", POLICIES)
    assert (clock.state, clock.instance, clock.elapsed_s) == (ClockState.RUNNING, 1, 5 * 3600)


def test_a_cancelled_clock_stays_so_when_its_ticket_is_solved_in_between():
    log = [created("3 10:00"), moved("3 12:00", None), status("3 13:00", "solved"), moved("3 14:00", "q")]
    clock = resolution(log, "3 15:00", POLICIES)
    assert (clock.state, clock.stopped_at, clock.policy) == (ClockState.CANCELLED, at("3 12:00"), "p")


def test_a_policy_that_comes_after_solving_waits_for_the_reopening():
    log = [created("3 10:00", policy=None), status("3 12:00", "solved"), moved("3 13:00", "p")]
    assert clocks(log, "3 14:00", POLICIES) == {}
    clock = resolution([*log, status("3 14:00", "open")], "3 15:00", POLICIES)
    assert (clock.start_at, clock.elapsed_s) == (at("3 10:00"), 3 * 3600)
