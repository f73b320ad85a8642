import pytest

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import at, clocks, created, first_response, message, moved, policy, reply, status, told


def test_a_first_response_starts_at_creation_even_if_the_policy_comes_later():
    log = [created("3 10:00", policy=None), moved("3 10:50", "p")]
    assert clocks(log, "3 10:49", first_response=60) == {}
    clock = first_response(log, "3 10:50")
    assert (clock.start_at, clock.elapsed_s, clock.due_at) == (at("3 10:00"), 3000, at("3 11:00"))
    assert told(clock) == [(75, at("3 10:50"))]


def test_what_was_answered_before_the_policy_came_gets_no_clock():
    log = [created("3 10:00", policy=None), reply("3 10:20"), moved("3 10:50", "p")]
    assert clocks(log, "3 11:00", first_response=60) == {}


def test_an_agents_ticket_has_no_first_response():
    log = [created("3 10:00", by="agent"), reply("3 10:20")]
    assert list(clocks(log, "3 11:00", first_response=60, resolution=480)) == ["resolution"]


@pytest.mark.parametrize("by", ["ai", "system"])
def test_only_a_person_stops_a_first_response(by):
    log = [created("3 10:00"), reply("3 10:10", by=by), reply("3 10:20", public=False)]
    assert first_response(log, "3 10:30").state is ClockState.RUNNING


def test_a_first_response_does_not_pause_unless_the_policy_says_so():
    log = [created("3 10:00"), status("3 10:10", "pending"), status("3 10:20", "on_hold")]
    assert first_response(log, "3 10:30").elapsed_s == 1800


def test_a_first_response_pauses_in_the_statuses_the_policy_lists():
    log = [created("3 10:00"), status("3 10:10", "pending"), status("3 10:40", "open")]
    pausing = {"p": policy(first_response=60, pause_on={"first_response": ["pending"]})}
    assert first_response(log, "3 10:30", pausing).state is ClockState.PAUSED
    assert first_response(log, "3 10:50", pausing).due_at == at("3 11:30")


def test_an_answer_while_paused_ends_a_first_response_without_a_due_time():
    log = [created("3 10:00"), status("3 10:50", "pending"), reply("3 15:00")]
    pausing = {"p": policy(first_response=60, pause_on={"first_response": ["pending"]})}
    clock = first_response(log, "3 16:00", pausing)
    assert (clock.state, clock.outcome, clock.due_at) == (ClockState.STOPPED, Outcome.MET, None)
    assert (clock.warn_75_at, clock.warn_90_at, clock.elapsed_s) == (at("3 10:45"), None, 3000)


def test_a_ticket_created_and_answered_at_once_shows_when_it_would_have_been_due():
    clock = first_response([created("3 10:00"), reply("3 10:00")], "3 12:00")
    assert (clock.outcome, clock.elapsed_s, clock.due_at) == (Outcome.MET, 0, at("3 11:00"))


TARGETS = {"first_response": 60, "next_response": 240}


def test_a_message_before_the_first_answer_starts_no_next_response():
    log = [created("3 09:00"), message("3 09:10")]
    assert list(clocks(log, "3 10:00", **TARGETS)) == ["first_response"]


def test_an_answer_settles_all_messages_before_it():
    log = [created("3 09:00"), message("3 09:10"), reply("3 09:30")]
    assert list(clocks(log, "3 10:00", **TARGETS)) == ["first_response"]


def test_each_unanswered_message_after_an_answer_starts_a_new_instance():
    log = [
        created("3 09:00"),
        reply("3 09:30"),
        message("3 10:00"),
        message("3 10:30"),
        reply("3 11:00"),
        message("3 12:00"),
    ]
    found = clocks(log, "3 13:00", **TARGETS)
    assert (found["next_response 1"].outcome, found["next_response 1"].elapsed_s) == (Outcome.MET, 3600)
    assert found["next_response 2"].start_at == at("3 12:00")


def test_notes_machine_replies_and_private_messages_change_nothing():
    log = [created("3 09:00"), reply("3 09:30"), message("3 10:00", public=False)]
    assert "next_response 1" not in clocks(log, "3 11:00", **TARGETS)
    log += [message("3 12:00"), reply("3 12:10", by="ai"), reply("3 12:20", public=False)]
    assert clocks(log, "3 13:00", **TARGETS)["next_response 1"].state is ClockState.RUNNING


def test_the_customers_answer_to_an_agents_ticket_starts_a_next_response():
    log = [created("3 09:00", by="agent"), message("3 10:00")]
    assert clocks(log, "3 11:00", **TARGETS)["next_response 1"].start_at == at("3 10:00")


def test_a_policy_that_comes_later_starts_a_next_response_at_the_oldest_unanswered_message():
    log = [created("3 09:00", policy=None), reply("3 09:30"), message("3 10:00"), message("3 11:00")]
    log.append(moved("3 12:00", "p"))
    assert clocks(log, "3 13:00", **TARGETS)["next_response 1"].start_at == at("3 10:00")


def test_a_next_response_starts_paused_in_a_status_that_pauses_it():
    pausing = {"p": policy(next_response=240, pause_on={"next_response": ["on_hold"]})}
    log = [created("3 09:00"), reply("3 09:30"), status("3 09:40", "on_hold"), message("3 10:00")]
    clock = clocks(log, "3 11:00", pausing)["next_response 1"]
    assert (clock.state, clock.elapsed_s, clock.due_at, clock.breached) == (ClockState.PAUSED, 0, None, False)
    resumed = clocks([*log, status("3 12:00", "open")], "3 13:00", pausing)["next_response 1"]
    assert (resumed.elapsed_s, resumed.due_at) == (3600, at("3 16:00"))


def test_solving_settles_the_open_message():
    log = [created("3 09:00"), reply("3 09:30"), message("3 10:00"), status("3 11:00", "solved")]
    log += [status("3 12:00", "open"), message("3 13:00")]
    found = clocks(log, "3 14:00", **TARGETS)
    assert found["next_response 1"].state is ClockState.CANCELLED
    assert found["next_response 2"].start_at == at("3 13:00")


def test_a_message_on_a_solved_ticket_starts_nothing_even_if_it_is_reopened_later():
    log = [created("3 09:00"), reply("3 09:30"), status("3 10:00", "solved"), message("3 11:00")]
    assert "next_response 1" not in clocks(log, "3 12:00", **TARGETS)
    assert "next_response 1" not in clocks([*log, status("3 12:00", "open")], "3 13:00", **TARGETS)


@pytest.mark.parametrize("message_first", [True, False])
def test_a_message_that_reopens_the_ticket_starts_a_next_response_whichever_is_logged_first(message_first):
    pair = [message("3 11:00"), status("3 11:00", "open")]
    log = [created("3 09:00"), reply("3 09:30"), status("3 10:00", "solved")]
    log += pair if message_first else pair[::-1]
    assert clocks(log, "3 12:00", **TARGETS)["next_response 1"].start_at == at("3 11:00")


def test_a_message_answered_at_the_instant_that_reopens_the_ticket_waits_for_nothing():
    log = [created("3 09:00"), reply("3 09:30"), status("3 10:00", "solved")]
    log += [message("3 11:00"), reply("3 11:00"), status("3 11:00", "open")]
    assert "next_response 1" not in clocks(log, "3 12:00", **TARGETS)
