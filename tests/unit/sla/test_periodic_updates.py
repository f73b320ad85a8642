import pytest

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import at, clocks, created, gone, message, moved, policy, priority, reply, status, told


def updates(log, when, policies=None):
    found = clocks(log, when, policies, periodic_update=120)
    assert list(found) == [f"periodic_update {number}" for number in range(1, len(found) + 1)]
    return list(found.values())


def test_there_is_none_before_the_first_word_of_an_agent():
    log = [created("3 09:00"), message("3 09:10"), reply("3 09:20", by="ai"), reply("3 09:30", public=False)]
    assert updates(log, "3 10:00") == []


def test_each_public_word_of_an_agent_ends_one_and_starts_the_next():
    first, second, third = updates(
        [created("3 09:00"), reply("3 10:00"), reply("3 11:30"), reply("3 14:00")], "3 15:00"
    )
    assert (first.start_at, first.stopped_at, first.outcome) == (at("3 10:00"), at("3 11:30"), Outcome.MET)
    assert (second.start_at, second.due_at, second.outcome) == (at("3 11:30"), at("3 13:30"), Outcome.BREACHED)
    assert (third.start_at, third.state, third.elapsed_s) == (at("3 14:00"), ClockState.RUNNING, 3600)


def test_notes_and_machines_are_no_update():
    log = [created("3 09:00"), reply("3 10:00"), reply("3 10:30", public=False), reply("3 10:40", by="ai")]
    log += [reply("3 10:50", by="system"), message("3 11:00")]
    (clock,) = updates(log, "3 11:30")
    assert (clock.elapsed_s, told(clock)) == (5400, [(75, at("3 11:30"))])


def test_an_agent_who_opens_a_ticket_owes_the_next_word_from_then_on():
    (clock,) = updates([created("3 09:00", by="agent")], "3 10:00")
    assert (clock.start_at, clock.due_at) == (at("3 09:00"), at("3 11:00"))


def test_two_words_at_one_instant_are_one():
    assert len(updates([created("3 09:00"), reply("3 10:00"), reply("3 10:00"), reply("3 10:30")], "3 11:00")) == 2


def test_it_pauses_while_the_customer_is_awaited_but_not_while_somebody_else_is():
    log = [created("3 09:00"), reply("3 10:00"), status("3 10:30", "pending")]
    (paused,) = updates(log, "3 15:00")
    assert (paused.paused, paused.elapsed_s, paused.due_at) == (True, 1800, None)
    (running,) = updates([*log, status("3 11:00", "on_hold")], "3 12:00")
    assert (running.elapsed_s, running.due_at) == (5400, at("3 12:30"))


def test_an_update_while_paused_ends_it_and_the_next_starts_paused():
    log = [created("3 09:00"), reply("3 10:00"), status("3 10:30", "pending"), reply("3 14:00")]
    first, second = updates(log, "3 15:00")
    assert (first.outcome, first.due_at, first.elapsed_s) == (Outcome.MET, None, 1800)
    assert (second.paused, second.start_at, second.elapsed_s) == (True, at("3 14:00"), 0)


def test_the_policy_may_list_other_pausing_statuses():
    log = [created("3 09:00"), reply("3 10:00"), status("3 10:30", "on_hold")]
    pausing = {"p": policy(periodic_update=120, pause_on={"periodic_update": ["on_hold"]})}
    assert updates(log, "3 12:00", pausing)[0].paused


def test_solving_cancels_and_reopening_starts_anew():
    log = [created("3 09:00"), reply("3 10:00"), status("3 11:00", "solved"), status("3 14:00", "open")]
    first, second = updates(log, "3 15:00")
    assert (first.outcome, first.stopped_at) == (Outcome.CANCELLED, at("3 11:00"))
    assert (second.start_at, second.elapsed_s, second.due_at) == (at("3 14:00"), 3600, at("3 16:00"))


def test_a_late_one_that_is_cancelled_is_breached():
    assert updates([created("3 09:00"), reply("3 10:00"), status("3 13:00", "solved")], "3 14:00")[0].breached


def test_a_word_while_solved_starts_none_until_the_reopening():
    log = [created("3 09:00"), status("3 10:00", "solved"), reply("3 11:00")]
    assert updates(log, "3 12:00") == []
    (clock,) = updates([*log, status("3 13:00", "open")], "3 14:00")
    assert clock.start_at == at("3 13:00")


def test_reopening_a_ticket_on_which_no_agent_has_spoken_starts_none():
    assert updates([created("3 09:00"), status("3 10:00", "solved"), status("3 13:00", "open")], "3 14:00") == []


def test_the_word_that_solves_a_ticket_starts_one_of_no_length():
    log = [created("3 09:00"), reply("3 10:00"), reply("3 11:00"), status("3 11:00", "solved")]
    assert [(clock.outcome, clock.elapsed_s) for clock in updates(log, "3 12:00")] == [
        (Outcome.MET, 3600),
        (Outcome.CANCELLED, 0),
    ]


@pytest.mark.parametrize("event", [gone("3 10:20"), gone("3 10:20", "deleted"), moved("3 10:20", None)])
def test_what_ends_other_clocks_cancels_it(event):
    (clock,) = updates([created("3 09:00"), reply("3 10:00"), event], "3 12:00")
    assert clock.outcome is Outcome.CANCELLED


def test_a_target_that_comes_back_continues_the_same_one():
    log = [created("3 09:00"), reply("3 10:00"), moved("3 10:20", None), moved("3 11:00", "p")]
    (clock,) = updates(log, "3 11:10")
    assert (clock.start_at, clock.elapsed_s, clock.state) == (at("3 10:00"), 4200, ClockState.RUNNING)


def test_a_word_while_there_was_no_target_is_where_the_next_one_starts():
    log = [created("3 09:00"), reply("3 10:00"), moved("3 10:20", None), reply("3 10:30"), moved("3 11:00", "p")]
    first, second = updates(log, "3 11:10")
    assert (first.outcome, first.stopped_at) == (Outcome.CANCELLED, at("3 10:20"))
    assert (second.start_at, second.elapsed_s) == (at("3 10:30"), 2400)


def test_another_priority_has_its_own_target():
    policies = {"p": policy(normal={"periodic_update": 480}, urgent={"periodic_update": 60})}
    (clock,) = updates([created("3 09:00"), reply("3 10:00"), priority("3 10:50", "urgent")], "3 10:50", policies)
    assert (clock.due_at, told(clock)) == (at("3 11:00"), [(75, at("3 10:50"))])
