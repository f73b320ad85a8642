from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import at, created, policy, resolution, status, told


def test_a_resolution_pauses_in_pending_and_on_hold_by_default():
    log = [created("2 10:00"), status("2 11:00", "pending"), status("2 12:00", "on_hold"), status("2 15:00", "open")]
    clock = resolution(log, "2 16:00")
    assert clock.elapsed_s == 7200
    assert [(pause.start, pause.end) for pause in clock.pauses] == [
        (at("2 11:00"), at("2 12:00")),
        (at("2 12:00"), at("2 15:00")),
    ]


def test_the_policy_may_list_other_pausing_statuses_or_none():
    log = [created("2 10:00", status="open"), status("2 11:00", "pending"), status("2 12:00", "new")]
    assert resolution(log, "2 13:00", {"p": policy(resolution=480, pause_on={"resolution": []})}).elapsed_s == 10800
    waiting = {"p": policy(resolution=480, pause_on={"resolution": ["new"]})}
    assert resolution(log, "2 13:00", waiting).elapsed_s == 7200


def test_listing_another_metric_leaves_the_default():
    pausing = {"p": policy(resolution=480, pause_on={"first_response": ["pending"]})}
    assert resolution([created("2 10:00"), status("2 11:00", "pending")], "2 13:00", pausing).paused


def test_a_ticket_may_be_created_paused():
    log = [created("2 10:00", status="on_hold"), status("2 12:00", "open")]
    assert resolution(log, "2 11:00").remaining_s == 480 * 60
    assert resolution(log, "2 13:00").elapsed_s == 3600


def test_warnings_already_given_keep_their_time_while_paused():
    clock = resolution([created("2 09:00"), status("2 15:30", "pending")], "3 12:00")
    assert (clock.due_at, clock.warn_75_at, clock.warn_90_at) == (None, at("2 15:00"), None)
    assert (clock.remaining_s, clock.next_threshold_at) == (5400, None)


def test_a_late_clock_stays_late_and_its_overdue_time_freezes():
    log = [created("2 09:00"), status("3 10:00", "pending")]
    clock = resolution(log, "5 12:00")
    assert (clock.state, clock.breached, clock.overdue_s, clock.due_at) == (ClockState.PAUSED, True, 3600, None)
    assert clock.breached_at == at("2 17:00")
    ended = resolution([*log, status("5 13:00", "solved")], "6 12:00")
    assert (ended.outcome, ended.overdue_s, ended.due_at) == (Outcome.BREACHED, 3600, None)


def test_a_pause_that_comes_at_the_due_time_wins():
    clock = resolution([created("2 09:00"), status("2 17:00", "pending")], "3 12:00")
    assert (clock.breached, clock.elapsed_pct) == (False, 100.0)
    assert told(clock) == [(75, at("2 15:00")), (90, at("2 16:12"))]


def test_solving_while_paused_before_the_due_time_is_in_time():
    log = [created("2 09:00"), status("2 16:59", "pending"), status("6 12:00", "solved")]
    clock = resolution(log, "6 13:00")
    assert (clock.outcome, clock.due_at, clock.stopped_at) == (Outcome.MET, None, at("6 12:00"))


def test_a_level_reached_at_the_instant_of_a_pause_is_told_when_the_clock_goes_on():
    log = [created("2 09:00"), status("2 15:00", "pending"), status("3 10:00", "open")]
    assert told(resolution(log, "3 09:00")) == []
    assert told(resolution(log, "3 10:00")) == [(75, at("3 10:00"))]


def test_a_pause_of_no_length_changes_nothing():
    log = [created("2 09:00"), status("2 12:00", "pending"), status("2 12:00", "open")]
    clock = resolution(log, "2 13:00")
    assert (clock.elapsed_s, clock.pauses, clock.due_at) == (4 * 3600, (), at("2 17:00"))


def test_a_target_used_up_at_the_very_pause_was_due_then():
    log = [created("2 09:00"), status("2 17:00", "pending"), status("3 10:00", "open")]
    clock = resolution(log, "3 10:00")
    assert (clock.due_at, clock.breached) == (at("2 17:00"), True)
    assert told(clock)[-1] == (100, at("3 10:00"))


def test_a_run_of_no_length_is_no_spell():
    log = [created("2 09:00"), status("2 10:00", "pending"), status("2 12:00", "open"), status("2 12:00", "on_hold")]
    assert [(spell.start, spell.end) for spell in resolution(log, "2 13:00").spells] == [(at("2 09:00"), at("2 10:00"))]
