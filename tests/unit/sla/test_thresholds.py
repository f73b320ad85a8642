from datetime import timedelta

import pytest

from helpdesk.sla.rules.clock import Pause

from .desk import at, created, first_response, gone, policy, reply, resolution, status, told


def test_the_policy_may_name_its_own_levels():
    own = {"p": policy(first_response=60, thresholds=[150, 50, 90])}
    clock = first_response([created("3 10:00")], "3 11:31", own)
    assert told(clock) == [(50, at("3 10:30")), (90, at("3 10:54")), (150, at("3 11:30"))]
    assert [(warn.level, warn.at) for warn in clock.warnings] == [(50, at("3 10:30")), (150, at("3 11:30"))]
    assert (clock.warn_75_at, clock.warn_90_at) == (None, at("3 10:54"))
    assert clock.breached


def test_a_share_of_the_target_is_rounded_up_to_whole_seconds():
    own = {"p": policy(first_response=1, thresholds=[33, 99, 100])}
    clock = first_response([created("3 10:00")], "3 11:00", own)
    assert told(clock) == [(33, at("3 10:00:20")), (100, at("3 10:01:00"))]


def test_without_levels_nothing_is_told():
    clock = first_response([created("3 10:00")], "3 12:00", {"p": policy(first_response=60, thresholds=[])})
    assert (told(clock), clock.level, clock.breached) == ([], 0, True)


def test_own_warnings_to_come_are_unknown_while_paused():
    own = {"p": policy(resolution=480, thresholds=[10, 50])}
    clock = resolution([created("2 09:00"), status("2 10:00", "pending")], "2 12:00", own)
    assert [(warn.level, warn.at) for warn in clock.warnings] == [(10, at("2 09:48")), (50, None)]


def test_a_level_crossed_at_the_instant_of_an_answer_is_not_told():
    assert told(first_response([created("3 10:00"), reply("3 10:45")], "3 12:00")) == []


def test_nothing_is_told_after_the_end():
    assert told(first_response([created("3 10:00"), reply("3 10:50")], "3 12:00")) == [(75, at("3 10:45"))]


def test_a_level_reached_exactly_now_is_told_now():
    assert told(first_response([created("3 10:00")], "3 10:45")) == [(75, at("3 10:45"))]


def test_the_next_threshold_is_the_next_level_to_tell():
    clock = first_response([created("3 10:00")], "3 10:46")
    assert (clock.level, clock.next_level, clock.next_threshold_at) == (75, 90, at("3 10:54"))


def test_the_breach_is_looked_for_even_if_no_level_tells_it():
    own = {"p": policy(first_response=60, thresholds=[50, 200])}
    clock = first_response([created("3 10:00")], "3 10:46", own)
    assert (clock.next_level, clock.next_threshold_at) == (100, at("3 11:00"))


def test_at_the_due_time_itself_the_breach_is_still_to_come():
    clock = first_response([created("3 10:00")], "3 11:00")
    assert clock.next_threshold_at == at("3 11:00") + timedelta(microseconds=1)
    assert first_response([created("3 10:00")], "3 11:00:00.000001").next_threshold_at is None


@pytest.mark.parametrize("event", [reply("3 10:10"), status("3 10:10", "solved"), gone("3 10:10")])
def test_an_ended_clock_has_no_next_threshold(event):
    clock = first_response([created("3 10:00"), event], "3 10:20")
    assert (clock.next_threshold_at, clock.next_level) == (None, None)


def test_spells_and_pauses_account_for_the_whole_life():
    log = [created("2 10:00"), status("2 11:00", "pending"), status("2 15:00", "open"), status("2 16:00", "solved")]
    log += [status("3 10:00", "open"), status("3 11:00", "on_hold")]
    clock = resolution(log, "4 12:00")
    assert [(spell.start, spell.end) for spell in clock.spells] == [
        (at("2 10:00"), at("2 11:00")),
        (at("2 15:00"), at("2 16:00")),
        (at("3 10:00"), at("3 11:00")),
    ]
    assert clock.pauses == (
        Pause(at("2 11:00"), at("2 15:00"), "pending"),
        Pause(at("2 16:00"), at("3 10:00"), "solved"),
        Pause(at("3 11:00"), None, "on_hold"),
    )
    assert clock.running_since is None


def test_the_next_level_is_the_highest_that_one_instant_brings():
    own = {"p": policy(first_response=1, thresholds=[99, 100])}
    assert first_response([created("3 10:00")], "3 10:00:30", own).next_level == 100
