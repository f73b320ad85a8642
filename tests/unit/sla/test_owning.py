import pytest

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import assigned, at, clocks, created, gone, moved, policy, priority, status


def time_to_own(log, when, policies=None):
    return clocks(log, when, policies, time_to_own=60)["time_to_own"]


def test_it_runs_from_creation_until_the_ticket_first_comes_to_a_person():
    log = [created("3 10:00"), assigned("3 10:20")]
    assert time_to_own(log, "3 10:10").due_at == at("3 11:00")
    clock = time_to_own(log, "3 12:00")
    assert (clock.state, clock.outcome, clock.elapsed_s) == (ClockState.STOPPED, Outcome.MET, 1200)
    assert clock.stopped_at == at("3 10:20")


def test_too_late_is_breached():
    assert time_to_own([created("3 10:00"), assigned("3 11:01")], "3 12:00").outcome is Outcome.BREACHED


def test_coming_to_a_team_but_to_nobody_in_it_changes_nothing():
    assert time_to_own([created("3 10:00"), assigned("3 10:20", None)], "3 10:30").state is ClockState.RUNNING


def test_giving_it_back_or_on_starts_nothing_new():
    log = [created("3 10:00"), assigned("3 10:20"), assigned("3 10:30", None), assigned("3 10:40", "ben")]
    assert list(clocks(log, "3 12:00", time_to_own=60)) == ["time_to_own"]
    assert time_to_own(log, "3 12:00").stopped_at == at("3 10:20")


def test_an_agents_own_ticket_has_one_too():
    assert time_to_own([created("3 10:00", by="agent")], "3 10:30").elapsed_s == 1800


def test_a_ticket_assigned_as_it_is_created_is_owned_at_once():
    clock = time_to_own([created("3 10:00"), assigned("3 10:00")], "3 12:00")
    assert (clock.outcome, clock.elapsed_s) == (Outcome.MET, 0)


def test_it_does_not_pause_unless_the_policy_says_so():
    log = [created("3 10:00"), status("3 10:10", "pending")]
    assert time_to_own(log, "3 10:30").elapsed_s == 1800
    pausing = {"p": policy(time_to_own=60, pause_on={"time_to_own": ["pending"]})}
    assert time_to_own(log, "3 10:30", pausing).paused


def test_solving_cancels_it_and_reopening_continues_without_the_solved_time():
    log = [created("3 10:00"), status("3 10:30", "solved")]
    assert time_to_own(log, "3 12:00").outcome is Outcome.CANCELLED
    clock = time_to_own([*log, status("3 14:00", "open")], "3 14:10")
    assert (clock.state, clock.elapsed_s, clock.due_at) == (ClockState.RUNNING, 2400, at("3 14:30"))


def test_a_late_one_that_is_cancelled_is_breached():
    assert time_to_own([created("3 10:00"), status("3 11:30", "solved")], "3 12:00").outcome is Outcome.BREACHED


def test_assigned_while_solved_it_is_not_revived():
    log = [created("3 10:00"), status("3 10:30", "solved"), assigned("3 11:00"), status("3 14:00", "open")]
    clock = time_to_own(log, "3 15:00")
    assert (clock.state, clock.stopped_at) == (ClockState.CANCELLED, at("3 10:30"))


@pytest.mark.parametrize("event", [gone("3 10:20"), gone("3 10:20", "deleted"), moved("3 10:20", None)])
def test_what_ends_other_clocks_cancels_it(event):
    assert time_to_own([created("3 10:00"), event], "3 12:00").outcome is Outcome.CANCELLED


def test_another_priority_has_its_own_target():
    policies = {"p": policy(normal={"time_to_own": 240}, urgent={"time_to_own": 30})}
    clock = time_to_own([created("3 10:00"), priority("3 10:25", "urgent")], "3 10:26", policies)
    assert (clock.due_at, clock.level) == (at("3 10:30"), 75)


def test_a_policy_that_comes_after_the_owner_starts_none():
    log = [created("3 10:00", policy=None), assigned("3 10:10"), moved("3 10:20", "p")]
    assert clocks(log, "3 12:00", time_to_own=60) == {}
