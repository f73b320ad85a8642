import pytest

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.calendar import CalendarNeverOpen
from helpdesk.sla.rules.clock import Outcome, Policy, evaluate
from helpdesk.sla.rules.history import InvalidHistory

from .desk import CALENDARS, at, clocks, created, first_response, gone, message, moved, reply, resolution, status


@pytest.mark.parametrize("how", ["merged", "deleted"])
def test_a_ticket_that_is_gone_has_its_clocks_cancelled_for_good(how):
    log = [created("3 10:00"), gone("3 10:30", how), reply("3 10:40"), status("3 11:00", "open"), moved("3 11:00", "p")]
    for clock in clocks(log, "3 12:00", first_response=60, resolution=480).values():
        assert (clock.state, clock.outcome, clock.stopped_at) == (
            ClockState.CANCELLED,
            Outcome.CANCELLED,
            at("3 10:30"),
        )


def test_before_its_creation_a_ticket_has_no_clocks():
    assert clocks([created("3 10:00")], "3 09:59", first_response=60) == {}


def test_events_to_come_do_not_count_yet():
    assert first_response([created("3 10:00"), reply("3 10:30")], "3 10:29").state is ClockState.RUNNING
    assert first_response([created("3 10:00"), reply("3 10:30")], "3 10:30").state is ClockState.STOPPED


def test_events_need_not_come_in_order_of_time():
    log = [created("3 10:00"), status("3 11:00", "pending"), status("3 10:30", "solved")]
    assert resolution(log, "3 12:00").paused


def test_clocks_are_listed_by_metric_and_instance():
    log = [created("3 09:00"), reply("3 09:10"), message("3 09:20"), reply("3 09:30"), message("3 09:40")]
    assert list(clocks(log, "3 10:00", first_response=60, next_response=60, resolution=480)) == [
        "first_response",
        "next_response 1",
        "next_response 2",
        "resolution",
    ]


def test_a_log_begins_with_creation_and_has_it_once():
    with pytest.raises(InvalidHistory):
        clocks([reply("3 10:00"), created("3 11:00")], "3 12:00", first_response=60)
    with pytest.raises(InvalidHistory):
        clocks([created("3 10:00"), created("3 11:00")], "3 12:00", first_response=60)


def test_a_policy_that_is_not_given_is_an_error():
    with pytest.raises(InvalidHistory, match="'x'"):
        clocks([created("3 10:00", policy="x")], "3 12:00", first_response=60)


def test_a_due_time_that_never_comes_is_an_error():
    never = Policy.from_json({"calendar": "never", "targets": {"normal": {"resolution": 60}}})
    hours = {"never": type(CALENDARS["office"]).from_json({"timezone": "UTC"})}
    with pytest.raises(CalendarNeverOpen):
        evaluate([created("3 10:00")], {"p": never}, hours, as_of=at("3 12:00"))
