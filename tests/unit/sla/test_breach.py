from helpdesk.sla.rules.clock import Outcome

from .desk import at, created, first_response, reply, told


def test_a_clock_at_its_due_time_is_not_late_yet():
    clock = first_response([created("3 10:00")], "3 11:00")
    assert (clock.breached, clock.elapsed_pct, clock.remaining_s) == (False, 100.0, 0)
    assert told(clock)[-1] == (100, at("3 11:00"))


def test_a_clock_right_after_its_due_time_is_late():
    clock = first_response([created("3 10:00")], "3 11:00:01")
    assert (clock.breached, clock.overdue_s, clock.breached_at) == (True, 1, at("3 11:00"))


def test_an_answer_after_closing_is_late_although_no_open_time_was_overrun():
    clock = first_response([created("6 16:00"), reply("6 18:00")], "9 10:00")
    assert (clock.outcome, clock.breached) == (Outcome.BREACHED, True)
    assert (clock.elapsed_pct, clock.overdue_s) == (100.0, 0)
    assert clock.due_at == at("6 17:00")


def test_an_open_clock_is_late_during_the_night_after_its_due_time():
    clock = first_response([created("6 16:00")], "7 12:00")
    assert (clock.breached, clock.overdue_s, clock.remaining_s) == (True, 0, 0)


def test_overdue_counts_open_seconds():
    clock = first_response([created("6 16:00")], "9 10:00")
    assert clock.overdue_s == 3600


def test_a_fraction_of_a_second_is_enough_to_be_late():
    late = first_response([created("3 10:00"), reply("3 11:00:00.000001")], "3 12:00")
    assert (late.breached, late.elapsed_s, late.overdue_s) == (True, 3600, 0)
    early = first_response([created("3 10:00:00.5"), reply("3 11:00:00.25")], "3 12:00")
    assert (early.breached, early.elapsed_s, early.remaining_s) == (False, 3599, 1)
