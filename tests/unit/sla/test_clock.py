from datetime import timedelta

import pytest

from helpdesk.models.values import ClockState
from helpdesk.sla.calendar import CalendarNeverOpen
from helpdesk.sla.clock import Outcome, Pause, Policy, evaluate
from helpdesk.sla.history import InvalidHistory

from .desk import CALENDARS, at, clocks, created, gone, message, moved, policy, priority, reply, status, told


def first_response(log, when, policies=None, **targets):
    return clocks(log, when, policies, **(targets or {"first_response": 60}))["first_response"]


def resolution(log, when, policies=None, **targets):
    return clocks(log, when, policies, **(targets or {"resolution": 480}))["resolution"]


class TestBreach:
    def test_a_clock_at_its_due_time_is_not_late_yet(self):
        clock = first_response([created("3 10:00")], "3 11:00")
        assert (clock.breached, clock.elapsed_pct, clock.remaining_s) == (False, 100.0, 0)
        assert told(clock)[-1] == (100, at("3 11:00"))

    def test_a_clock_right_after_its_due_time_is_late(self):
        clock = first_response([created("3 10:00")], "3 11:00:01")
        assert (clock.breached, clock.overdue_s, clock.breached_at) == (True, 1, at("3 11:00"))

    def test_an_answer_after_closing_is_late_although_no_open_time_was_overrun(self):
        clock = first_response([created("6 16:00"), reply("6 18:00")], "9 10:00")
        assert (clock.outcome, clock.breached) == (Outcome.BREACHED, True)
        assert (clock.elapsed_pct, clock.overdue_s) == (100.0, 0)
        assert clock.due_at == at("6 17:00")

    def test_an_open_clock_is_late_during_the_night_after_its_due_time(self):
        clock = first_response([created("6 16:00")], "7 12:00")
        assert (clock.breached, clock.overdue_s, clock.remaining_s) == (True, 0, 0)

    def test_overdue_counts_open_seconds(self):
        clock = first_response([created("6 16:00")], "9 10:00")
        assert clock.overdue_s == 3600

    def test_a_fraction_of_a_second_is_enough_to_be_late(self):
        late = first_response([created("3 10:00"), reply("3 11:00:00.000001")], "3 12:00")
        assert (late.breached, late.elapsed_s, late.overdue_s) == (True, 3600, 0)
        early = first_response([created("3 10:00:00.5"), reply("3 11:00:00.25")], "3 12:00")
        assert (early.breached, early.elapsed_s, early.remaining_s) == (False, 3599, 1)


class TestFirstResponse:
    def test_it_starts_at_creation_even_if_the_policy_comes_later(self):
        log = [created("3 10:00", policy=None), moved("3 10:50", "p")]
        assert clocks(log, "3 10:49", first_response=60) == {}
        clock = first_response(log, "3 10:50")
        assert (clock.start_at, clock.elapsed_s, clock.due_at) == (at("3 10:00"), 3000, at("3 11:00"))
        assert told(clock) == [(75, at("3 10:50"))]

    def test_what_was_answered_before_the_policy_came_gets_no_clock(self):
        log = [created("3 10:00", policy=None), reply("3 10:20"), moved("3 10:50", "p")]
        assert clocks(log, "3 11:00", first_response=60) == {}

    def test_an_agents_ticket_has_none(self):
        log = [created("3 10:00", by="agent"), reply("3 10:20")]
        assert list(clocks(log, "3 11:00", first_response=60, resolution=480)) == ["resolution"]

    @pytest.mark.parametrize("by", ["ai", "system"])
    def test_only_a_person_stops_it(self, by):
        log = [created("3 10:00"), reply("3 10:10", by=by), reply("3 10:20", public=False)]
        assert first_response(log, "3 10:30").state is ClockState.RUNNING

    def test_it_does_not_pause_unless_the_policy_says_so(self):
        log = [created("3 10:00"), status("3 10:10", "pending"), status("3 10:20", "on_hold")]
        assert first_response(log, "3 10:30").elapsed_s == 1800

    def test_it_pauses_in_the_statuses_the_policy_lists(self):
        log = [created("3 10:00"), status("3 10:10", "pending"), status("3 10:40", "open")]
        pausing = {"p": policy(first_response=60, pause_on={"first_response": ["pending"]})}
        assert first_response(log, "3 10:30", pausing).state is ClockState.PAUSED
        assert first_response(log, "3 10:50", pausing).due_at == at("3 11:30")

    def test_an_answer_while_paused_ends_it_without_a_due_time(self):
        log = [created("3 10:00"), status("3 10:50", "pending"), reply("3 15:00")]
        pausing = {"p": policy(first_response=60, pause_on={"first_response": ["pending"]})}
        clock = first_response(log, "3 16:00", pausing)
        assert (clock.state, clock.outcome, clock.due_at) == (ClockState.STOPPED, Outcome.MET, None)
        assert (clock.warn_75_at, clock.warn_90_at, clock.elapsed_s) == (at("3 10:45"), None, 3000)

    def test_a_ticket_created_and_answered_at_once_shows_when_it_would_have_been_due(self):
        clock = first_response([created("3 10:00"), reply("3 10:00")], "3 12:00")
        assert (clock.outcome, clock.elapsed_s, clock.due_at) == (Outcome.MET, 0, at("3 11:00"))


class TestNextResponse:
    TARGETS = {"first_response": 60, "next_response": 240}

    def test_a_message_before_the_first_answer_starts_none(self):
        log = [created("3 09:00"), message("3 09:10")]
        assert list(clocks(log, "3 10:00", **self.TARGETS)) == ["first_response"]

    def test_an_answer_settles_all_messages_before_it(self):
        log = [created("3 09:00"), message("3 09:10"), reply("3 09:30")]
        assert list(clocks(log, "3 10:00", **self.TARGETS)) == ["first_response"]

    def test_each_unanswered_message_after_an_answer_starts_a_new_instance(self):
        log = [
            created("3 09:00"),
            reply("3 09:30"),
            message("3 10:00"),
            message("3 10:30"),
            reply("3 11:00"),
            message("3 12:00"),
        ]
        found = clocks(log, "3 13:00", **self.TARGETS)
        assert (found["next_response 1"].outcome, found["next_response 1"].elapsed_s) == (Outcome.MET, 3600)
        assert found["next_response 2"].start_at == at("3 12:00")

    def test_notes_machine_replies_and_private_messages_change_nothing(self):
        log = [created("3 09:00"), reply("3 09:30"), message("3 10:00", public=False)]
        assert "next_response 1" not in clocks(log, "3 11:00", **self.TARGETS)
        log += [message("3 12:00"), reply("3 12:10", by="ai"), reply("3 12:20", public=False)]
        assert clocks(log, "3 13:00", **self.TARGETS)["next_response 1"].state is ClockState.RUNNING

    def test_the_customers_answer_to_an_agents_ticket_starts_one(self):
        log = [created("3 09:00", by="agent"), message("3 10:00")]
        assert clocks(log, "3 11:00", **self.TARGETS)["next_response 1"].start_at == at("3 10:00")

    def test_a_policy_that_comes_later_starts_it_at_the_oldest_unanswered_message(self):
        log = [created("3 09:00", policy=None), reply("3 09:30"), message("3 10:00"), message("3 11:00")]
        log.append(moved("3 12:00", "p"))
        assert clocks(log, "3 13:00", **self.TARGETS)["next_response 1"].start_at == at("3 10:00")

    def test_it_starts_paused_in_a_status_that_pauses_it(self):
        pausing = {"p": policy(next_response=240, pause_on={"next_response": ["on_hold"]})}
        log = [created("3 09:00"), reply("3 09:30"), status("3 09:40", "on_hold"), message("3 10:00")]
        clock = clocks(log, "3 11:00", pausing)["next_response 1"]
        assert (clock.state, clock.elapsed_s, clock.due_at, clock.breached) == (ClockState.PAUSED, 0, None, False)
        resumed = clocks([*log, status("3 12:00", "open")], "3 13:00", pausing)["next_response 1"]
        assert (resumed.elapsed_s, resumed.due_at) == (3600, at("3 16:00"))

    def test_solving_settles_the_open_message(self):
        log = [created("3 09:00"), reply("3 09:30"), message("3 10:00"), status("3 11:00", "solved")]
        log += [status("3 12:00", "open"), message("3 13:00")]
        found = clocks(log, "3 14:00", **self.TARGETS)
        assert found["next_response 1"].state is ClockState.CANCELLED
        assert found["next_response 2"].start_at == at("3 13:00")

    def test_a_message_on_a_solved_ticket_starts_nothing_even_if_it_is_reopened_later(self):
        log = [created("3 09:00"), reply("3 09:30"), status("3 10:00", "solved"), message("3 11:00")]
        assert "next_response 1" not in clocks(log, "3 12:00", **self.TARGETS)
        assert "next_response 1" not in clocks([*log, status("3 12:00", "open")], "3 13:00", **self.TARGETS)

    @pytest.mark.parametrize("message_first", [True, False])
    def test_a_message_that_reopens_the_ticket_starts_one_whichever_is_logged_first(self, message_first):
        pair = [message("3 11:00"), status("3 11:00", "open")]
        log = [created("3 09:00"), reply("3 09:30"), status("3 10:00", "solved")]
        log += pair if message_first else pair[::-1]
        assert clocks(log, "3 12:00", **self.TARGETS)["next_response 1"].start_at == at("3 11:00")


class TestPause:
    def test_a_resolution_pauses_in_pending_and_on_hold_by_default(self):
        log = [created("2 10:00"), status("2 11:00", "pending"), status("2 12:00", "on_hold"), status("2 15:00", "open")]
        clock = resolution(log, "2 16:00")
        assert clock.elapsed_s == 7200
        assert [(pause.start, pause.end) for pause in clock.pauses] == [
            (at("2 11:00"), at("2 12:00")),
            (at("2 12:00"), at("2 15:00")),
        ]

    def test_the_policy_may_list_other_statuses_or_none(self):
        log = [created("2 10:00", status="open"), status("2 11:00", "pending"), status("2 12:00", "new")]
        assert resolution(log, "2 13:00", {"p": policy(resolution=480, pause_on={"resolution": []})}).elapsed_s == 10800
        waiting = {"p": policy(resolution=480, pause_on={"resolution": ["new"]})}
        assert resolution(log, "2 13:00", waiting).elapsed_s == 7200

    def test_listing_another_metric_leaves_the_default(self):
        pausing = {"p": policy(resolution=480, pause_on={"first_response": ["pending"]})}
        assert resolution([created("2 10:00"), status("2 11:00", "pending")], "2 13:00", pausing).paused

    def test_a_ticket_may_be_created_paused(self):
        log = [created("2 10:00", status="on_hold"), status("2 12:00", "open")]
        assert resolution(log, "2 11:00").remaining_s == 480 * 60
        assert resolution(log, "2 13:00").elapsed_s == 3600

    def test_warnings_already_given_keep_their_time_while_paused(self):
        clock = resolution([created("2 09:00"), status("2 15:30", "pending")], "3 12:00")
        assert (clock.due_at, clock.warn_75_at, clock.warn_90_at) == (None, at("2 15:00"), None)
        assert (clock.remaining_s, clock.next_threshold_at) == (5400, None)

    def test_a_late_clock_stays_late_and_its_overdue_time_freezes(self):
        log = [created("2 09:00"), status("3 10:00", "pending")]
        clock = resolution(log, "5 12:00")
        assert (clock.state, clock.breached, clock.overdue_s, clock.due_at) == (ClockState.PAUSED, True, 3600, None)
        assert clock.breached_at == at("2 17:00")
        ended = resolution([*log, status("5 13:00", "solved")], "6 12:00")
        assert (ended.outcome, ended.overdue_s, ended.due_at) == (Outcome.BREACHED, 3600, None)

    def test_a_pause_that_comes_at_the_due_time_wins(self):
        clock = resolution([created("2 09:00"), status("2 17:00", "pending")], "3 12:00")
        assert (clock.breached, clock.elapsed_pct) == (False, 100.0)
        assert told(clock) == [(75, at("2 15:00")), (90, at("2 16:12"))]

    def test_solving_while_paused_before_the_due_time_is_in_time(self):
        log = [created("2 09:00"), status("2 16:59", "pending"), status("6 12:00", "solved")]
        clock = resolution(log, "6 13:00")
        assert (clock.outcome, clock.due_at, clock.stopped_at) == (Outcome.MET, None, at("6 12:00"))

    def test_a_level_reached_at_the_instant_of_a_pause_is_told_when_the_clock_goes_on(self):
        log = [created("2 09:00"), status("2 15:00", "pending"), status("3 10:00", "open")]
        assert told(resolution(log, "3 09:00")) == []
        assert told(resolution(log, "3 10:00")) == [(75, at("3 10:00"))]

    def test_a_pause_of_no_length_changes_nothing(self):
        log = [created("2 09:00"), status("2 12:00", "pending"), status("2 12:00", "open")]
        clock = resolution(log, "2 13:00")
        assert (clock.elapsed_s, clock.pauses, clock.due_at) == (4 * 3600, (), at("2 17:00"))


class TestSolving:
    def test_a_running_response_is_cancelled_and_the_resolution_met(self):
        log = [created("3 10:00"), status("3 10:30", "solved")]
        found = clocks(log, "3 12:00", first_response=60, resolution=480)
        assert (found["first_response"].state, found["first_response"].outcome) == (
            ClockState.CANCELLED,
            Outcome.CANCELLED,
        )
        assert found["first_response"].due_at == at("3 11:00")
        assert (found["resolution"].state, found["resolution"].outcome) == (ClockState.STOPPED, Outcome.MET)

    def test_a_late_response_that_is_cancelled_counts_as_breached(self):
        clock = first_response([created("3 10:00"), status("3 11:30", "solved")], "3 12:00")
        assert (clock.state, clock.outcome, clock.breached) == (ClockState.CANCELLED, Outcome.BREACHED, True)

    def test_a_response_cancelled_at_its_due_time_is_not_breached(self):
        assert first_response([created("3 10:00"), status("3 11:00", "solved")], "3 12:00").outcome is Outcome.CANCELLED

    def test_an_answer_and_solving_at_one_instant_apply_in_the_order_of_the_log(self):
        answered = [created("3 10:00"), reply("3 10:30"), status("3 10:30", "solved")]
        assert first_response(answered, "3 12:00").outcome is Outcome.MET
        swapped = [created("3 10:00"), status("3 10:30", "solved"), reply("3 10:30")]
        assert first_response(swapped, "3 12:00").outcome is Outcome.CANCELLED

    def test_closing_a_solved_ticket_does_not_move_its_end(self):
        log = [created("2 09:00"), status("2 12:00", "solved"), status("4 12:00", "closed")]
        assert resolution(log, "5 12:00").stopped_at == at("2 12:00")

    def test_closing_without_solving_ends_it_too(self):
        assert resolution([created("2 09:00"), status("2 12:00", "closed")], "3 12:00").outcome is Outcome.MET


class TestReopening:
    def test_a_cancelled_first_response_goes_on_without_the_solved_time(self):
        log = [created("3 10:00"), status("3 10:30", "solved"), status("3 14:00", "open")]
        clock = first_response(log, "3 14:10")
        assert (clock.state, clock.outcome, clock.stopped_at) == (ClockState.RUNNING, None, None)
        assert (clock.elapsed_s, clock.due_at, clock.start_at) == (2400, at("3 14:30"), at("3 10:00"))

    def test_a_first_response_answered_while_solved_is_not_revived(self):
        log = [created("3 10:00"), status("3 10:30", "solved"), reply("3 11:00"), status("3 14:00", "open")]
        clock = first_response(log, "3 15:00")
        assert (clock.state, clock.stopped_at) == (ClockState.CANCELLED, at("3 10:30"))

    def test_after_an_answer_while_solved_messages_start_next_responses(self):
        log = [created("3 10:00"), status("3 10:30", "solved"), reply("3 11:00"), status("3 14:00", "open")]
        log.append(message("3 14:30"))
        assert "next_response 1" in clocks(log, "3 15:00", first_response=60, next_response=60)

    def test_a_note_or_a_machines_reply_while_solved_is_no_answer(self):
        log = [created("3 10:00"), status("3 10:30", "solved"), reply("3 11:00", by="ai"), reply("3 11:10", public=False)]
        log.append(status("3 14:00", "open"))
        assert first_response(log, "3 14:10").state is ClockState.RUNNING

    def test_a_resolution_met_once_may_still_be_missed(self):
        log = [created("2 09:00"), status("2 16:00", "solved"), status("4 09:00", "open"), status("4 11:00", "solved")]
        clock = resolution(log, "5 12:00")
        assert (clock.outcome, clock.elapsed_s, clock.due_at) == (Outcome.BREACHED, 9 * 3600, at("4 10:00"))
        assert told(clock) == [(75, at("2 15:00")), (90, at("4 09:12")), (100, at("4 10:00"))]

    def test_a_level_told_before_solving_is_not_told_again(self):
        log = [created("2 09:00"), status("2 15:30", "solved"), status("4 09:00", "open")]
        assert told(resolution(log, "4 09:10")) == [(75, at("2 15:00"))]

    def test_reopening_into_a_pausing_status_pauses(self):
        log = [created("2 09:00"), status("2 12:00", "solved"), status("3 12:00", "pending")]
        clock = resolution(log, "4 12:00")
        assert (clock.paused, clock.elapsed_s, clock.due_at) == (True, 3 * 3600, None)

    def test_it_may_happen_many_times(self):
        log = [created("2 09:00")]
        for day in (2, 3, 4):
            log += [status(f"{day} 10:00", "solved"), status(f"{day + 1} 09:00", "open")]
        clock = resolution(log, "5 10:00")
        assert (clock.elapsed_s, clock.due_at, clock.instance) == (4 * 3600, at("5 14:00"), 1)

    def test_a_ticket_created_solved_gets_its_clocks_when_it_is_opened(self):
        log = [created("2 09:00", status="solved"), status("3 09:00", "open")]
        assert clocks(log, "2 12:00", first_response=60, resolution=480) == {}
        assert resolution(log, "3 10:00").elapsed_s == 3600


class TestRetargeting:
    PRIORITIES = {
        "p": policy(normal={"resolution": 1440}, urgent={"resolution": 240}, high={"resolution": 480}, low={})
    }

    def test_the_whole_life_counts_against_the_new_target(self):
        log = [created("3 09:00"), priority("3 12:30", "urgent")]
        clock = resolution(log, "3 12:40", self.PRIORITIES)
        assert (clock.due_at, clock.elapsed_s, clock.target_version) == (at("3 13:00"), 13200, 2)
        assert told(clock) == [(75, at("3 12:30")), (90, at("3 12:36"))]

    def test_several_thresholds_collapse_into_the_highest(self):
        log = [created("3 09:00"), priority("3 12:40", "urgent")]
        assert told(resolution(log, "3 12:50", self.PRIORITIES)) == [(90, at("3 12:40"))]

    def test_a_fall_is_silent_and_arms_the_levels_again(self):
        log = [created("3 09:00"), priority("3 12:40", "urgent"), priority("3 12:50", "normal")]
        log.append(priority("3 12:55", "urgent"))
        clock = resolution(log, "3 14:00", self.PRIORITIES)
        assert told(clock) == [(90, at("3 12:40")), (90, at("3 12:55")), (100, at("3 13:00"))]
        assert [note.target_version for note in clock.notifications] == [2, 4, 4]

    def test_a_partial_fall_arms_only_what_lies_above(self):
        # 7 h are 87.5 % of 8 h and 175 % of 4 h.
        log = [created("3 09:00", priority="urgent"), priority("3 16:00", "high")]
        assert told(resolution(log, "3 17:00", self.PRIORITIES))[-3:] == [
            (100, at("3 13:00")),
            (90, at("3 16:12")),
            (100, at("3 17:00")),
        ]

    def test_the_target_in_force_at_the_end_decides(self):
        log = [created("3 09:00", priority="urgent"), priority("3 14:00", "normal"), status("3 15:00", "solved")]
        clock = resolution(log, "3 16:00", self.PRIORITIES)
        assert (clock.outcome, clock.breached, clock.breached_at) == (Outcome.MET, False, None)
        assert (100, at("3 13:00")) in told(clock)

    def test_two_changes_at_one_instant_tell_only_what_the_last_leaves(self):
        log = [created("3 09:00"), priority("3 14:00", "urgent"), priority("3 14:00", "normal")]
        assert told(resolution(log, "3 15:00", self.PRIORITIES)) == []

    def test_a_paused_clock_is_recomputed_in_silence_and_speaks_when_it_goes_on(self):
        log = [created("3 09:00"), status("3 12:30", "pending"), priority("3 13:00", "urgent")]
        paused = resolution(log, "3 13:30", self.PRIORITIES)
        assert (paused.target_s, paused.elapsed_pct, told(paused)) == (240 * 60, 87.5, [])
        log.append(status("3 14:00", "open"))
        assert told(resolution(log, "3 14:00", self.PRIORITIES)) == [(75, at("3 14:00"))]

    def test_a_fall_while_paused_arms_the_levels_again(self):
        log = [created("3 09:00", priority="urgent"), status("3 12:10", "pending"), priority("3 12:20", "normal")]
        log += [priority("3 12:30", "urgent"), status("3 13:00", "open")]
        assert told(resolution(log, "3 13:00", self.PRIORITIES)) == [(75, at("3 12:00")), (75, at("3 13:00"))]

    def test_a_paused_clock_may_turn_out_late(self):
        log = [created("3 09:00"), status("3 15:00", "pending"), priority("3 16:00", "urgent")]
        clock = resolution(log, "4 12:00", self.PRIORITIES)
        assert (clock.breached, clock.overdue_s, clock.due_at) == (True, 7200, None)

    def test_an_ended_clock_keeps_its_target(self):
        log = [created("3 09:00"), status("3 14:00", "solved"), priority("3 15:00", "urgent")]
        clock = resolution(log, "3 16:00", self.PRIORITIES)
        assert (clock.target_s, clock.outcome) == (1440 * 60, Outcome.MET)

    def test_a_reopened_clock_takes_the_target_of_now(self):
        log = [created("3 09:00"), status("3 12:00", "solved"), priority("3 15:00", "urgent"), status("4 09:00", "open")]
        clock = resolution(log, "4 09:10", self.PRIORITIES)
        assert (clock.target_s, clock.due_at) == (240 * 60, at("4 10:00"))
        assert told(clock) == [(75, at("4 09:00"))]

    def test_a_new_policy_brings_its_calendar_for_the_whole_life(self):
        policies = {"p": policy(resolution=480), "q": policy(calendar="always", resolution=1440)}
        log = [created("6 16:00"), moved("7 12:00", "q")]
        assert resolution(log, "7 11:00", policies).elapsed_s == 3600
        clock = resolution(log, "7 12:00", policies)
        assert (clock.elapsed_s, clock.due_at, clock.policy, clock.calendar) == (20 * 3600, at("7 16:00"), "q", "always")

    def test_a_new_policy_brings_its_pause_set_for_the_whole_life(self):
        policies = {"p": policy(resolution=480), "q": policy(resolution=480, pause_on={"resolution": ["on_hold"]})}
        log = [created("3 09:00"), status("3 10:00", "pending"), moved("3 12:00", "q")]
        assert resolution(log, "3 11:00", policies).elapsed_s == 3600
        clock = resolution(log, "3 12:00", policies)
        assert (clock.state, clock.elapsed_s, clock.due_at) == (ClockState.RUNNING, 3 * 3600, at("3 17:00"))

    def test_the_same_policy_again_changes_nothing_but_the_version(self):
        before = resolution([created("3 09:00")], "3 16:00")
        after = resolution([created("3 09:00"), moved("3 12:00", "p"), priority("3 12:00", "normal")], "3 16:00")
        assert (after.due_at, told(after), after.elapsed_s) == (before.due_at, told(before), before.elapsed_s)
        assert after.target_version == 3


class TestNoTarget:
    POLICIES = {
        "p": policy(normal={"resolution": 480}, urgent={"resolution": 60}, low={"first_response": 60}),
        "q": policy(resolution=960),
    }

    def test_without_a_policy_there_are_no_clocks(self):
        assert clocks([created("3 10:00", policy=None), reply("3 11:00")], "3 12:00", self.POLICIES) == {}

    def test_a_priority_without_a_target_for_the_metric_has_no_clock(self):
        assert list(clocks([created("3 10:00", priority="low")], "3 12:00", self.POLICIES)) == ["first_response"]
        assert clocks([created("3 10:00", priority="high")], "3 12:00", self.POLICIES) == {}

    @pytest.mark.parametrize("loss", [moved("3 12:00", None), priority("3 12:00", "high")])
    def test_a_clock_that_loses_its_target_is_cancelled(self, loss):
        clock = resolution([created("3 10:00"), loss], "3 13:00", self.POLICIES)
        assert (clock.state, clock.outcome, clock.stopped_at) == (
            ClockState.CANCELLED,
            Outcome.CANCELLED,
            at("3 12:00"),
        )
        assert (clock.elapsed_s, clock.due_at) == (7200, at("4 10:00"))

    def test_a_late_clock_that_loses_its_target_stays_breached(self):
        log = [created("3 10:00", priority="urgent"), moved("3 12:00", None)]
        assert resolution(log, "3 13:00", self.POLICIES).outcome is Outcome.BREACHED

    def test_it_goes_on_over_its_whole_life_when_a_target_comes_back(self):
        log = [created("3 10:00"), moved("3 12:00", None), moved("3 14:00", "q")]
        clock = resolution(log, "3 15:00", self.POLICIES)
        assert (clock.state, clock.instance, clock.elapsed_s) == (ClockState.RUNNING, 1, 5 * 3600)

    def test_it_ends_for_good_when_its_ticket_is_solved_in_between(self):
        log = [created("3 10:00"), moved("3 12:00", None), status("3 13:00", "solved"), moved("3 14:00", "q")]
        clock = resolution(log, "3 15:00", self.POLICIES)
        assert (clock.state, clock.stopped_at, clock.policy) == (ClockState.CANCELLED, at("3 12:00"), "p")

    def test_a_policy_that_comes_after_solving_waits_for_the_reopening(self):
        log = [created("3 10:00", policy=None), status("3 12:00", "solved"), moved("3 13:00", "p")]
        assert clocks(log, "3 14:00", self.POLICIES) == {}
        clock = resolution([*log, status("3 14:00", "open")], "3 15:00", self.POLICIES)
        assert (clock.start_at, clock.elapsed_s) == (at("3 10:00"), 3 * 3600)


class TestThresholds:
    def test_the_policy_may_name_its_own_levels(self):
        own = {"p": policy(first_response=60, thresholds=[150, 50, 90])}
        clock = first_response([created("3 10:00")], "3 11:31", own)
        assert told(clock) == [(50, at("3 10:30")), (90, at("3 10:54")), (150, at("3 11:30"))]
        assert [(warn.level, warn.at) for warn in clock.warnings] == [(50, at("3 10:30")), (150, at("3 11:30"))]
        assert (clock.warn_75_at, clock.warn_90_at) == (None, at("3 10:54"))
        assert clock.breached

    def test_a_share_of_the_target_is_rounded_up_to_whole_seconds(self):
        own = {"p": policy(first_response=1, thresholds=[33, 99, 100])}
        clock = first_response([created("3 10:00")], "3 11:00", own)
        assert told(clock) == [(33, at("3 10:00:20")), (100, at("3 10:01:00"))]

    def test_without_levels_nothing_is_told(self):
        clock = first_response([created("3 10:00")], "3 12:00", {"p": policy(first_response=60, thresholds=[])})
        assert (told(clock), clock.level, clock.breached) == ([], 0, True)

    def test_own_warnings_to_come_are_unknown_while_paused(self):
        own = {"p": policy(resolution=480, thresholds=[10, 50])}
        clock = resolution([created("2 09:00"), status("2 10:00", "pending")], "2 12:00", own)
        assert [(warn.level, warn.at) for warn in clock.warnings] == [(10, at("2 09:48")), (50, None)]

    def test_a_level_crossed_at_the_instant_of_an_answer_is_not_told(self):
        assert told(first_response([created("3 10:00"), reply("3 10:45")], "3 12:00")) == []

    def test_nothing_is_told_after_the_end(self):
        assert told(first_response([created("3 10:00"), reply("3 10:50")], "3 12:00")) == [(75, at("3 10:45"))]

    def test_a_level_reached_exactly_now_is_told_now(self):
        assert told(first_response([created("3 10:00")], "3 10:45")) == [(75, at("3 10:45"))]


class TestWhatTheWorkerReads:
    def test_the_next_threshold_is_the_next_level_to_tell(self):
        clock = first_response([created("3 10:00")], "3 10:46")
        assert (clock.level, clock.next_level, clock.next_threshold_at) == (75, 90, at("3 10:54"))

    def test_the_breach_is_looked_for_even_if_no_level_tells_it(self):
        own = {"p": policy(first_response=60, thresholds=[50, 200])}
        clock = first_response([created("3 10:00")], "3 10:46", own)
        assert (clock.next_level, clock.next_threshold_at) == (100, at("3 11:00"))

    def test_at_the_due_time_itself_the_breach_is_still_to_come(self):
        clock = first_response([created("3 10:00")], "3 11:00")
        assert clock.next_threshold_at == at("3 11:00") + timedelta(microseconds=1)
        assert first_response([created("3 10:00")], "3 11:00:00.000001").next_threshold_at is None

    @pytest.mark.parametrize("event", [reply("3 10:10"), status("3 10:10", "solved"), gone("3 10:10")])
    def test_an_ended_clock_has_none(self, event):
        clock = first_response([created("3 10:00"), event], "3 10:20")
        assert (clock.next_threshold_at, clock.next_level) == (None, None)

    def test_spells_and_pauses_account_for_the_whole_life(self):
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


class TestHistory:
    @pytest.mark.parametrize("how", ["merged", "deleted"])
    def test_a_ticket_that_is_gone_has_its_clocks_cancelled_for_good(self, how):
        log = [created("3 10:00"), gone("3 10:30", how), reply("3 10:40"), status("3 11:00", "open"), moved("3 11:00", "p")]
        for clock in clocks(log, "3 12:00", first_response=60, resolution=480).values():
            assert (clock.state, clock.outcome, clock.stopped_at) == (
                ClockState.CANCELLED,
                Outcome.CANCELLED,
                at("3 10:30"),
            )

    def test_before_its_creation_a_ticket_has_no_clocks(self):
        assert clocks([created("3 10:00")], "3 09:59", first_response=60) == {}

    def test_events_to_come_do_not_count_yet(self):
        assert first_response([created("3 10:00"), reply("3 10:30")], "3 10:29").state is ClockState.RUNNING
        assert first_response([created("3 10:00"), reply("3 10:30")], "3 10:30").state is ClockState.STOPPED

    def test_events_need_not_come_in_order_of_time(self):
        log = [created("3 10:00"), status("3 11:00", "pending"), status("3 10:30", "solved")]
        assert resolution(log, "3 12:00").paused

    def test_clocks_are_listed_by_metric_and_instance(self):
        log = [created("3 09:00"), reply("3 09:10"), message("3 09:20"), reply("3 09:30"), message("3 09:40")]
        assert list(clocks(log, "3 10:00", first_response=60, next_response=60, resolution=480)) == [
            "first_response",
            "next_response 1",
            "next_response 2",
            "resolution",
        ]

    def test_a_log_begins_with_creation_and_has_it_once(self):
        with pytest.raises(InvalidHistory):
            clocks([reply("3 10:00"), created("3 11:00")], "3 12:00", first_response=60)
        with pytest.raises(InvalidHistory):
            clocks([created("3 10:00"), created("3 11:00")], "3 12:00", first_response=60)

    def test_a_policy_that_is_not_given_is_an_error(self):
        with pytest.raises(InvalidHistory, match="'x'"):
            clocks([created("3 10:00", policy="x")], "3 12:00", first_response=60)

    def test_a_due_time_that_never_comes_is_an_error(self):
        never = Policy.from_json({"calendar": "never", "targets": {"normal": {"resolution": 60}}})
        hours = {"never": type(CALENDARS["office"]).from_json({"timezone": "UTC"})}
        with pytest.raises(CalendarNeverOpen):
            evaluate([created("3 10:00")], {"p": never}, hours, as_of=at("3 12:00"))
