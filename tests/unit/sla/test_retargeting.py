from helpdesk.models.values import ClockState
from helpdesk.sla.rules.clock import Outcome

from .desk import at, created, moved, policy, priority, resolution, status, told

PRIORITIES = {"p": policy(normal={"resolution": 1440}, urgent={"resolution": 240}, high={"resolution": 480}, low={})}


def test_the_whole_life_counts_against_the_new_target():
    log = [created("3 09:00"), priority("3 12:30", "urgent")]
    clock = resolution(log, "3 12:40", PRIORITIES)
    assert (clock.due_at, clock.elapsed_s, clock.target_version) == (at("3 13:00"), 13200, 2)
    assert told(clock) == [(75, at("3 12:30")), (90, at("3 12:36"))]


def test_several_thresholds_collapse_into_the_highest():
    log = [created("3 09:00"), priority("3 12:40", "urgent")]
    assert told(resolution(log, "3 12:50", PRIORITIES)) == [(90, at("3 12:40"))]


def test_a_fall_is_silent_and_arms_the_levels_again():
    log = [created("3 09:00"), priority("3 12:40", "urgent"), priority("3 12:50", "normal")]
    log.append(priority("3 12:55", "urgent"))
    clock = resolution(log, "3 14:00", PRIORITIES)
    assert told(clock) == [(90, at("3 12:40")), (90, at("3 12:55")), (100, at("3 13:00"))]
    assert [note.target_version for note in clock.notifications] == [2, 4, 4]


def test_a_partial_fall_arms_only_what_lies_above():
    # 7 h are 87.5 % of 8 h and 175 % of 4 h.
    log = [created("3 09:00", priority="urgent"), priority("3 16:00", "high")]
    assert told(resolution(log, "3 17:00", PRIORITIES))[-3:] == [
        (100, at("3 13:00")),
        (90, at("3 16:12")),
        (100, at("3 17:00")),
    ]


def test_the_target_in_force_at_the_end_decides():
    log = [created("3 09:00", priority="urgent"), priority("3 14:00", "normal"), status("3 15:00", "solved")]
    clock = resolution(log, "3 16:00", PRIORITIES)
    assert (clock.outcome, clock.breached, clock.breached_at) == (Outcome.MET, False, None)
    assert (100, at("3 13:00")) in told(clock)


def test_two_changes_at_one_instant_tell_only_what_the_last_leaves():
    log = [created("3 09:00"), priority("3 14:00", "urgent"), priority("3 14:00", "normal")]
    assert told(resolution(log, "3 15:00", PRIORITIES)) == []


def test_a_paused_clock_is_recomputed_in_silence_and_speaks_when_it_goes_on():
    log = [created("3 09:00"), status("3 12:30", "pending"), priority("3 13:00", "urgent")]
    paused = resolution(log, "3 13:30", PRIORITIES)
    assert (paused.target_s, paused.elapsed_pct, told(paused)) == (240 * 60, 87.5, [])
    log.append(status("3 14:00", "open"))
    assert told(resolution(log, "3 14:00", PRIORITIES)) == [(75, at("3 14:00"))]


def test_a_fall_while_paused_arms_the_levels_again():
    log = [created("3 09:00", priority="urgent"), status("3 12:10", "pending"), priority("3 12:20", "normal")]
    log += [priority("3 12:30", "urgent"), status("3 13:00", "open")]
    assert told(resolution(log, "3 13:00", PRIORITIES)) == [(75, at("3 12:00")), (75, at("3 13:00"))]


def test_a_paused_clock_may_turn_out_late():
    log = [created("3 09:00"), status("3 15:00", "pending"), priority("3 16:00", "urgent")]
    clock = resolution(log, "4 12:00", PRIORITIES)
    assert (clock.breached, clock.overdue_s, clock.due_at) == (True, 7200, None)


def test_an_ended_clock_keeps_its_target():
    log = [created("3 09:00"), status("3 14:00", "solved"), priority("3 15:00", "urgent")]
    clock = resolution(log, "3 16:00", PRIORITIES)
    assert (clock.target_s, clock.outcome) == (1440 * 60, Outcome.MET)


def test_a_reopened_clock_takes_the_target_of_now():
    log = [created("3 09:00"), status("3 12:00", "solved"), priority("3 15:00", "urgent"), status("4 09:00", "open")]
    clock = resolution(log, "4 09:10", PRIORITIES)
    assert (clock.target_s, clock.due_at) == (240 * 60, at("4 10:00"))
    assert told(clock) == [(75, at("4 09:00"))]


def test_a_new_policy_brings_its_calendar_for_the_whole_life():
    policies = {"p": policy(resolution=480), "q": policy(calendar="always", resolution=1440)}
    log = [created("6 16:00"), moved("7 12:00", "q")]
    assert resolution(log, "7 11:00", policies).elapsed_s == 3600
    clock = resolution(log, "7 12:00", policies)
    assert (clock.elapsed_s, clock.due_at, clock.policy, clock.calendar) == (20 * 3600, at("7 16:00"), "q", "always")


def test_a_new_policy_brings_its_pause_set_for_the_whole_life():
    policies = {"p": policy(resolution=480), "q": policy(resolution=480, pause_on={"resolution": ["on_hold"]})}
    log = [created("3 09:00"), status("3 10:00", "pending"), moved("3 12:00", "q")]
    assert resolution(log, "3 11:00", policies).elapsed_s == 3600
    clock = resolution(log, "3 12:00", policies)
    assert (clock.state, clock.elapsed_s, clock.due_at) == (ClockState.RUNNING, 3 * 3600, at("3 17:00"))


def test_the_same_policy_again_changes_nothing_but_the_version():
    before = resolution([created("3 09:00")], "3 16:00")
    after = resolution([created("3 09:00"), moved("3 12:00", "p"), priority("3 12:00", "normal")], "3 16:00")
    assert (after.due_at, told(after), after.elapsed_s) == (before.due_at, told(before), before.elapsed_s)
    assert after.target_version == 3
