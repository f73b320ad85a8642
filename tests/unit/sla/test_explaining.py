from datetime import date, timedelta

from helpdesk.models.values import TicketStatus
from helpdesk.sla.explaining.explanation import Names, explain
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.clock import evaluate

from .desk import CALENDARS, OFFICE, assigned, at, created, gone, message, moved, policy, priority, reply, status

HOLIDAYS = {
    **CALENDARS,
    "feasts": Calendar.from_json({**OFFICE, "exceptions": {"2026-03-04": [], "2026-03-05": [["10:00", "12:00"]]}}),
    "shifts": Calendar.from_json({**OFFICE, "weekly": {"tue": [["09:00", "12:00"], ["13:00", "17:00"]]}}),
    "nights": Calendar.from_json({**OFFICE, "weekly": {"tue": [["22:00", "06:00"]]}, "exceptions": {"2026-03-04": []}}),
}


def explained(log, when, policies=None, names=None, **targets):
    found = explain(log, policies or {"p": policy(**targets)}, HOLIDAYS, as_of=at(when), names=names)
    return {str(each.clock.metric): each for each in found}


def kinds(explanation):
    return [(each.kind, each.start, each.counted_s) for each in explanation.intervals]


def reasons(explanation):
    return [each.reason for each in explanation.intervals]


def marks(explanation):
    return [(mark.kind, mark.at) for mark in explanation.marks]


def test_each_stretch_is_counted_closed_or_paused():
    log = [created("6 16:00"), status("9 10:00", "pending"), status("9 12:00", "open")]
    found = explained(log, "9 13:00", resolution=480)["resolution"]
    assert kinds(found) == [
        ("counted", at("6 16:00"), 3600),
        ("closed", at("6 17:00"), 0),
        ("counted", at("9 09:00"), 3600),
        ("paused", at("9 10:00"), 0),
        ("counted", at("9 12:00"), 3600),
    ]
    assert [(each.elapsed_s, each.elapsed_pct) for each in found.intervals][1:3] == [(3600, 12.5), (7200, 25)]
    assert reasons(found) == [
        "Office hours Fri 09:00 to 17:00.",
        "Outside office hours.",
        "Office hours Mon 09:00 to 17:00.",
        "Status pending pauses this clock.",
        "Office hours Mon 09:00 to 17:00.",
    ]


def test_the_time_a_reopened_ticket_was_solved_is_a_stretch_of_its_own():
    log = [created("3 10:00"), status("3 11:00", "solved"), status("4 11:00", "closed"), status("4 12:00", "open")]
    found = explained(log, "4 13:00", resolution=480)["resolution"]
    assert [kind for kind, *_ in kinds(found)] == ["counted", "solved", "solved", "counted"]
    assert reasons(found)[1:3] == [
        "The ticket was solved; this time is left out.",
        "The ticket was closed; this time is left out.",
    ]
    assert ("resumed", at("4 12:00")) in marks(found)


def test_exceptions_are_named_and_so_are_holidays():
    names = Names(holidays={"feasts": {date(2026, 3, 4): "Feast of Desks"}})
    found = explained([created("3 16:00")], "5 14:00", {"p": policy(calendar="feasts", resolution=480)}, names)
    assert reasons(found["resolution"]) == [
        "Office hours Tue 09:00 to 17:00.",
        "Outside office hours; 2026-03-04 (Feast of Desks) is closed, 2026-03-05 has hours of its own.",
        "Office hours 2026-03-05 10:00 to 12:00.",
        "Outside office hours; 2026-03-05 has hours of its own.",
    ]


def test_shifts_nights_and_calendars_that_never_close_are_told_apart():
    shifts = explained([created("3 11:00")], "3 14:00", {"p": policy(calendar="shifts", resolution=480)})["resolution"]
    assert reasons(shifts)[0::2] == ["Office hours Tue 09:00 to 12:00.", "Office hours Tue 13:00 to 17:00."]
    nights = explained([created("3 23:00")], "4 03:00", {"p": policy(calendar="nights", resolution=480)})["resolution"]
    assert reasons(nights) == [
        "Office hours Tue 22:00 to 06:00.",
        "Outside office hours; 2026-03-04 is closed.",
    ]
    always = explained([created("7 11:00")], "8 14:00", {"p": policy(calendar="always", resolution=480)})["resolution"]
    assert reasons(always) == ["Open around the clock."]


def test_an_ended_clock_is_explained_up_to_its_end():
    found = explained([created("3 10:00"), reply("3 10:40")], "9 12:00", first_response=60)["first_response"]
    assert found.intervals[-1].end == at("3 10:40")
    assert marks(found) == [("started", at("3 10:00")), ("fulfilled", at("3 10:40"))]


def test_a_clock_of_no_length_has_no_stretches():
    found = explained([created("3 10:00"), reply("3 10:00")], "9 12:00", first_response=60)["first_response"]
    assert found.intervals == ()


def test_what_happened_is_told_in_order():
    log = [created("3 10:00"), reply("3 11:30")]
    found = explained(log, "3 12:00", first_response=60)["first_response"]
    assert marks(found) == [
        ("started", at("3 10:00")),
        ("told", at("3 10:45")),
        ("told", at("3 10:54")),
        ("breached", at("3 11:00")),
        ("told", at("3 11:00")),
        ("fulfilled", at("3 11:30")),
    ]
    assert found.marks[3].text == "Due time; the clock ended late, by 30 min of open time."
    assert found.marks[1].level == 75


def test_a_clock_stopped_at_its_due_time_was_in_time():
    found = explained([created("3 10:00"), reply("3 11:00")], "3 12:00", first_response=60)["first_response"]
    assert marks(found)[-2:] == [("due", at("3 11:00")), ("fulfilled", at("3 11:00"))]


def test_a_ticket_that_is_opened_and_solved_again_at_one_instant_tells_both():
    log = [created("3 10:00"), status("3 11:00", "solved"), status("3 12:00", "open"), status("3 12:00", "solved")]
    found = explained(log, "3 13:00", resolution=480)["resolution"]
    assert [kind for kind, _ in marks(found)] == ["started", "fulfilled", "resumed", "fulfilled"]


PRIORITIES = {"p": policy(normal={"resolution": 1440}, urgent={"resolution": 240}, low={})}


def test_a_change_of_priority_tells_both_targets():
    found = explained([created("3 09:00"), priority("3 12:15", "urgent")], "3 12:20", PRIORITIES)["resolution"]
    assert marks(found) == [
        ("started", at("3 09:00")),
        ("reached", at("3 12:00")),
        ("retargeted", at("3 12:15")),
        ("told", at("3 12:15")),
    ]
    changed = found.marks[2]
    assert changed.text == "Priority normal → urgent: target 24 h → 4 h."
    assert (changed.before.target_s, changed.after.priority) == (24 * 3600, "urgent")
    assert found.intervals[-1].elapsed_pct == 83.33


def test_a_change_of_policy_is_told_by_name():
    policies = {"p": policy(resolution=480), "q": policy(calendar="always", resolution=480)}
    names = Names(policies={"p": "Bronze", "q": "Silver"}, calendars={"office": "Vienna", "always": "Always"})
    found = explained([created("3 09:00"), moved("3 10:00", "q")], "3 11:00", policies, names)["resolution"]
    assert found.marks[1].text == "Policy Bronze → Silver, calendar Vienna → Always: target still 8 h."
    assert (found.policy, found.calendar, found.timezone) == ("Silver", "Always", "Europe/Vienna")


def test_saying_a_priority_again_is_no_change():
    found = explained([created("3 09:00"), priority("3 10:00", "normal")], "3 11:00", PRIORITIES)["resolution"]
    assert marks(found) == [("started", at("3 09:00"))]


def test_a_lost_target_that_comes_back_is_told():
    log = [created("3 09:00"), priority("3 10:00", "low"), priority("3 12:00", "urgent")]
    found = explained(log, "3 12:30", PRIORITIES)["resolution"]
    assert [(mark.kind, mark.text) for mark in found.marks][1:-2] == [
        ("cancelled", "There is no target for the new priority."),
    ]
    assert found.marks[-2].text == (
        "There is a target again; the clock goes on. Priority normal → urgent: target 24 h → 4 h."
    )
    assert found.intervals[-1].elapsed_s == 3.5 * 3600


def test_every_end_has_its_reason():
    targets = dict.fromkeys(("first_response", "resolution", "time_to_own"), 60)
    ends = {
        gone("3 10:10"): "The ticket was merged into another.",
        gone("3 10:10", "deleted"): "The ticket was deleted.",
        moved("3 10:10", None): "The policy in force has no target for it any more.",
        status("3 10:10", "solved"): "The ticket was solved first.",
    }
    for event, text in ends.items():
        found = explained([created("3 10:00"), event], "3 11:00", **targets)
        assert found["time_to_own"].marks[-1].text == text
    found = explained([created("3 10:00"), assigned("3 10:10"), status("3 10:20", "solved")], "3 11:00", **targets)
    assert found["time_to_own"].marks[-1].text == "The ticket came to a person."
    assert found["resolution"].marks[-1].text == "The ticket was solved."


def test_answers_are_ends_and_beginnings():
    targets = {"next_response": 60, "periodic_update": 60}
    log = [created("3 10:00"), reply("3 10:10"), message("3 10:20"), reply("3 10:30")]
    found = explained(log, "3 10:40", **targets)
    assert [mark.text for mark in found["next_response"].marks] == [
        "The customer wrote and waits for an answer.",
        "An agent answered.",
    ]
    assert found["periodic_update"].marks[0].at == at("3 10:30")


def test_a_long_life_is_put_together_in_the_middle_and_still_adds_up():
    start = created("2 09:00")
    turns = [
        status(f"3 {9 + number // 60:02}:{number % 60:02}", TicketStatus.PENDING if number % 2 else TicketStatus.OPEN)
        for number in range(300)
    ]
    as_of = at("3 18:00") + timedelta(days=200)
    policies = {"p": policy(resolution=6000)}
    (clock,) = evaluate([start, *turns, status("3 15:00", "open")], policies, HOLIDAYS, as_of=as_of)
    (found,) = explain([start, *turns, status("3 15:00", "open")], policies, HOLIDAYS, as_of=as_of)
    assert len(found.intervals) == 200
    together = [each for each in found.intervals if each.kind == "merged"]
    assert len(together) == 60
    assert together[0].reason.startswith("Put together: ")
    assert "pauses" in together[0].reason
    assert sum(each.counted_s for each in found.intervals) == clock.elapsed_s
