from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import at, clocks, created, first_response, message, reply, resolution, status, told


def test_a_running_response_is_cancelled_and_the_resolution_met():
    log = [created("3 10:00"), status("3 10:30", "solved")]
    found = clocks(log, "3 12:00", first_response=60, resolution=480)
    assert (found["first_response"].state, found["first_response"].outcome) == (
        ClockState.CANCELLED,
        Outcome.CANCELLED,
    )
    assert found["first_response"].due_at == at("3 11:00")
    assert (found["resolution"].state, found["resolution"].outcome) == (ClockState.STOPPED, Outcome.MET)


def test_a_late_response_that_is_cancelled_counts_as_breached():
    clock = first_response([created("3 10:00"), status("3 11:30", "solved")], "3 12:00")
    assert (clock.state, clock.outcome, clock.breached) == (ClockState.CANCELLED, Outcome.BREACHED, True)


def test_a_response_cancelled_at_its_due_time_is_not_breached():
    assert first_response([created("3 10:00"), status("3 11:00", "solved")], "3 12:00").outcome is Outcome.CANCELLED


def test_an_answer_and_solving_at_one_instant_apply_in_the_order_of_the_log():
    answered = [created("3 10:00"), reply("3 10:30"), status("3 10:30", "solved")]
    assert first_response(answered, "3 12:00").outcome is Outcome.MET
    swapped = [created("3 10:00"), status("3 10:30", "solved"), reply("3 10:30")]
    assert first_response(swapped, "3 12:00").outcome is Outcome.CANCELLED


def test_closing_a_solved_ticket_does_not_move_its_end():
    log = [created("2 09:00"), status("2 12:00", "solved"), status("4 12:00", "closed")]
    assert resolution(log, "5 12:00").stopped_at == at("2 12:00")


def test_closing_without_solving_ends_it_too():
    assert resolution([created("2 09:00"), status("2 12:00", "closed")], "3 12:00").outcome is Outcome.MET


def test_a_cancelled_first_response_goes_on_without_the_solved_time():
    log = [created("3 10:00"), status("3 10:30", "solved"), status("3 14:00", "open")]
    clock = first_response(log, "3 14:10")
    assert (clock.state, clock.outcome, clock.stopped_at) == (ClockState.RUNNING, None, None)
    assert (clock.elapsed_s, clock.due_at, clock.start_at) == (2400, at("3 14:30"), at("3 10:00"))


def test_a_first_response_answered_while_solved_is_not_revived():
    log = [created("3 10:00"), status("3 10:30", "solved"), reply("3 11:00"), status("3 14:00", "open")]
    clock = first_response(log, "3 15:00")
    assert (clock.state, clock.stopped_at) == (ClockState.CANCELLED, at("3 10:30"))


def test_after_an_answer_while_solved_messages_start_next_responses():
    log = [created("3 10:00"), status("3 10:30", "solved"), reply("3 11:00"), status("3 14:00", "open")]
    log.append(message("3 14:30"))
    assert "next_response 1" in clocks(log, "3 15:00", first_response=60, next_response=60)


def test_a_note_or_a_machines_reply_while_solved_is_no_answer():
    log = [created("3 10:00"), status("3 10:30", "solved"), reply("3 11:00", by="ai"), reply("3 11:10", public=False)]
    log.append(status("3 14:00", "open"))
    assert first_response(log, "3 14:10").state is ClockState.RUNNING


def test_a_resolution_met_once_may_still_be_missed():
    log = [created("2 09:00"), status("2 16:00", "solved"), status("4 09:00", "open"), status("4 11:00", "solved")]
    clock = resolution(log, "5 12:00")
    assert (clock.outcome, clock.elapsed_s, clock.due_at) == (Outcome.BREACHED, 9 * 3600, at("4 10:00"))
    assert told(clock) == [(75, at("2 15:00")), (90, at("4 09:12")), (100, at("4 10:00"))]


def test_a_level_told_before_solving_is_not_told_again():
    log = [created("2 09:00"), status("2 15:30", "solved"), status("4 09:00", "open")]
    assert told(resolution(log, "4 09:10")) == [(75, at("2 15:00"))]


def test_reopening_into_a_pausing_status_pauses():
    log = [created("2 09:00"), status("2 12:00", "solved"), status("3 12:00", "pending")]
    clock = resolution(log, "4 12:00")
    assert (clock.paused, clock.elapsed_s, clock.due_at) == (True, 3 * 3600, None)


def test_a_ticket_may_be_reopened_many_times():
    log = [created("2 09:00")]
    for day in (2, 3, 4):
        log += [status(f"{day} 10:00", "solved"), status(f"{day + 1} 09:00", "open")]
    clock = resolution(log, "5 10:00")
    assert (clock.elapsed_s, clock.due_at, clock.instance) == (4 * 3600, at("5 14:00"), 1)


def test_a_ticket_created_solved_gets_its_clocks_when_it_is_opened():
    log = [created("2 09:00", status="solved"), status("3 09:00", "open")]
    assert clocks(log, "2 12:00", first_response=60, resolution=480) == {}
    assert resolution(log, "3 10:00").elapsed_s == 3600
