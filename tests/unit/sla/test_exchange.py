import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpdesk.sla.rules.exchange import InvalidDocument, simulate

WORKED = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
CASE = next(case for case in WORKED["cases"] if case["id"] == "P01")


@pytest.mark.parametrize("case", WORKED["cases"], ids=lambda case: f"{case['id']} {case['title']}")
def test_a_worked_case_comes_out_in_every_field(case):
    (result,) = simulate({"format": 1, "cases": [case]})["cases"]
    expected = [check["expect"] for check in case["checks"]]
    if expected == [{"error": "calendar_never_open"}]:
        assert result["error"]["code"] == "calendar_never_open"
        assert result == {"id": case["id"], "error": result["error"]}
        assert "calendars.never: " in result["error"]["detail"]
    else:
        checks = [{"as_of": check["as_of"], "clocks": check["expect"]} for check in case["checks"]]
        assert result == {"id": case["id"], "checks": checks}


def changed(**fields):
    return {**deepcopy(CASE), **fields}


def event(kind, **fields):
    return {"at": "2026-03-03T09:10:00Z", "type": kind, **fields}


def detail(case):
    (result,) = simulate(case)["cases"]
    assert result["error"]["code"] == "invalid_case"
    assert "checks" not in result
    return result["error"]["detail"]


def test_all_worked_cases_are_there():
    assert [case["id"] for case in WORKED["cases"]] == [f"P{number:02}" for number in range(1, 25)]


def test_a_bare_case_is_a_document():
    assert simulate(CASE) == simulate({"format": 1, "cases": [CASE]})


def test_a_case_without_an_id_keeps_none():
    case = deepcopy(CASE)
    del case["id"]
    assert simulate(case)["cases"][0]["id"] is None


def test_the_instant_asked_for_replaces_the_checks():
    (result,) = simulate(CASE, as_of=datetime(2026, 3, 3, 9, 15, tzinfo=UTC))["cases"]
    assert [(check["as_of"], check["clocks"][0]["elapsed_s"]) for check in result["checks"]] == [
        ("2026-03-03T09:15:00Z", 900)
    ]


def test_a_case_without_checks_can_be_asked_about():
    (result,) = simulate(changed(checks=[]), as_of=datetime(2026, 3, 3, 9, 15, tzinfo=UTC))["cases"]
    assert len(result["checks"]) == 1
    assert detail(changed(checks=[])) == "checks: the case names no instant to look at, and none was given"


def test_times_may_carry_an_offset_and_come_out_in_utc():
    case = changed(checks=[{"as_of": "2026-03-03T10:30:00+01:00"}])
    case["events"][0]["at"] = "2026-03-03T10:00:00.5+01:00"
    (check,) = simulate(case)["cases"][0]["checks"]
    assert check["as_of"] == "2026-03-03T09:30:00Z"
    assert check["clocks"][0]["due_at"] == "2026-03-03T10:00:00.500000Z"


def test_unsorted_events_apply_in_order_of_time_and_within_an_instant_in_order_of_the_log():
    case = changed(
        events=[
            event("status", to="solved"),
            event("reply", by="agent", public=True),
            CASE["events"][0],
        ]
    )
    assert simulate(case)["cases"][0]["checks"][0]["clocks"][0]["outcome"] == "cancelled"


def test_fields_it_does_not_know_are_ignored():
    case = changed(title="x", colour="red")
    case["events"][0]["note"] = "first"
    case["policies"]["p1"]["position"] = 3
    assert simulate(case) == simulate(CASE)


def test_what_may_be_left_out_has_its_default():
    case = changed(events=[{k: v for k, v in CASE["events"][0].items() if k != "by"}, event("reply")])
    assert simulate(case)["cases"][0]["checks"][0]["clocks"][0]["outcome"] == "met"


def test_null_is_the_same_as_left_out():
    case = changed(events=[{**CASE["events"][0], "status": None, "by": None}, event("reply", by=None, public=None)])
    case["calendars"]["vie"] |= {"always_open": None}
    case["policies"]["p1"] |= {"pause_on": None, "thresholds": None}
    plain = changed(events=[{k: v for k, v in CASE["events"][0].items() if k != "by"}, event("reply")])
    assert simulate(case) == simulate(plain)
    as_of = datetime(2026, 3, 3, 9, 15, tzinfo=UTC)
    assert simulate(case | {"checks": None}, as_of=as_of) == simulate(plain, as_of=as_of)


def test_own_levels_come_as_warnings():
    case = deepcopy(CASE)
    case["policies"]["p1"]["thresholds"] = [50, 100]
    (clock,) = simulate(case)["cases"][0]["checks"][0]["clocks"]
    assert clock["warnings"] == [{"level": 50, "at": "2026-03-03T09:30:00Z"}]
    assert (clock["warn_75_at"], clock["warn_90_at"]) == (None, None)
    assert clock["notifications"] == [{"level": 50, "at": "2026-03-03T09:30:00Z"}]


@pytest.mark.parametrize("kind", ["merged", "deleted"])
def test_a_ticket_may_be_merged_or_deleted(kind):
    (clock,) = simulate(changed(events=[*CASE["events"], event(kind)]))["cases"][0]["checks"][0]["clocks"]
    assert (clock["state"], clock["outcome"]) == ("cancelled", "cancelled")


@pytest.mark.parametrize(("to", "outcome"), [("ada", "met"), (None, None)])
def test_a_ticket_may_be_assigned_to_somebody_or_to_nobody(to, outcome):
    case = changed(events=[*CASE["events"], event("assigned", to=to)])
    case["policies"]["p1"]["targets"]["normal"] = {"time_to_own": 60}
    (clock,) = simulate(case)["cases"][0]["checks"][0]["clocks"]
    assert (clock["metric"], clock["outcome"]) == ("time_to_own", outcome)


def test_the_example_in_the_documentation_can_be_computed():
    document = json.loads((Path(__file__).parents[3] / "docs/examples/sla.json").read_text(encoding="utf-8"))
    first, second = simulate(document)["cases"][0]["checks"]
    assert [clock["metric"] for clock in first["clocks"]] == [
        "first_response",
        "periodic_update",
        "resolution",
        "time_to_own",
    ]
    assert [(clock["outcome"], clock["elapsed_pct"]) for clock in second["clocks"]][2] == ("breached", 150)


def test_a_case_that_cannot_be_computed_leaves_the_rest_alone():
    results = simulate({"format": 1, "cases": [changed(events=[]), 7, CASE]})["cases"]
    assert [sorted(result) for result in results] == [["error", "id"], ["error", "id"], ["checks", "id"]]
    assert results[1]["error"]["detail"].startswith("case: ")


def test_the_answer_is_plain_json():
    answer = simulate(WORKED)
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([], "events: there must be one `created` event, not 0"),
        ([CASE["events"][0]] * 2, "events: there must be one `created` event, not 2"),
        (
            [CASE["events"][0], {"at": "2026-03-03T08:59:00Z", "type": "message"}],
            "events: the `message` event at 2026-03-03T08:59:00Z comes before `created`",
        ),
        ([event("created", priority="asap", by="customer")], "events.0.created.priority: "),
        ([event("created", by="customer")], "events.0.created.priority: Field required"),
        ([event("created", priority="normal", by="robot")], "events.0.created.by: "),
        ([event("created", priority="normal", policy="gold")], "names an unknown policy 'gold'"),
        ([CASE["events"][0], event("policy", to="gold")], "names an unknown policy 'gold'"),
        ([CASE["events"][0], event("policy")], "events.1.policy.to: Field required"),
        ([CASE["events"][0], event("assigned")], "events.1.assigned.to: Field required"),
        ([CASE["events"][0], event("assigned", to=7)], "events.1.assigned.to: "),
        ([CASE["events"][0], event("status", to="snoozed")], "events.1.status.to: "),
        ([CASE["events"][0], event("priority", to="asap")], "events.1.priority.to: "),
        ([CASE["events"][0], event("reply", by="customer", public=True)], "events.1.reply.by: "),
        ([CASE["events"][0], event("reply", by="agent", public="yes")], "events.1.reply.public: "),
        ([CASE["events"][0], event("poked")], "events.1: "),
        ([{"type": "created", "priority": "normal"}], "events.0.created.at: Field required"),
        ([{**CASE["events"][0], "at": "2026-03-03T09:00:00"}], "events.0.created.at: Input should have timezone info"),
        ([{**CASE["events"][0], "at": "2026-03-03"}], "events.0.created.at: a time must be written as text"),
        ([{**CASE["events"][0], "at": 1772528400}], "events.0.created.at: a time must be written as text"),
        ([{**CASE["events"][0], "at": "1772528400"}], "events.0.created.at: a time must be written as text"),
        ([{**CASE["events"][0], "at": "9999-12-31T23:00:00Z"}], "between the years 1971 and 2999"),
        ("none", "events: "),
    ],
)
def test_a_wrong_event_is_named(events, sentence):
    assert sentence in detail(changed(events=events))


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"calendar": "moon"}, "policies.p1.calendar: there is no calendar 'moon'"),
        ({"calendar": None}, "policies.p1.calendar: "),
        ({"targets": {"normal": {"first_response": 0}}}, "policies.p1.targets.normal.first_response: "),
        ({"targets": {"normal": {"first_response": -5}}}, "policies.p1.targets.normal.first_response: "),
        ({"targets": {"normal": {"first_response": 1.5}}}, "policies.p1.targets.normal.first_response: "),
        ({"targets": {"normal": {"first_response": "60"}}}, "policies.p1.targets.normal.first_response: "),
        ({"targets": {"normal": {"first_response": True}}}, "policies.p1.targets.normal.first_response: "),
        ({"targets": {"normal": {"first_response": 10**9}}}, "policies.p1.targets.normal.first_response: "),
        ({"targets": {"normal": {"reaction": 60}}}, "policies.p1.targets.normal.reaction: "),
        ({"targets": {"asap": {"first_response": 60}}}, "policies.p1.targets.asap: "),
        ({"pause_on": {"resolution": ["asleep"]}}, "policies.p1.pause_on.resolution"),
        ({"pause_on": {"reaction": []}}, "policies.p1.pause_on.reaction: "),
        ({"thresholds": [0, 75]}, "policies.p1.thresholds.0: "),
        ({"thresholds": ["75"]}, "policies.p1.thresholds.0: "),
    ],
)
def test_a_wrong_policy_is_named(terms, sentence):
    case = deepcopy(CASE)
    case["policies"]["p1"].update(terms)
    assert sentence in detail(case)


def test_a_policy_needs_targets():
    assert detail(changed(policies={"p1": {"calendar": "vie"}})) == "policies.p1.targets: Field required"


def test_a_wrong_calendar_is_named():
    assert detail(changed(calendars={"vie": {"timezone": "Vienna"}})).startswith("calendars.vie.timezone: ")


@pytest.mark.parametrize("field", ["calendars", "policies", "events"])
def test_a_missing_part_is_named(field):
    case = deepcopy(CASE)
    del case[field]
    assert detail(case) == f"{field}: Field required"


def test_a_calendar_that_never_opens_is_refused_even_if_no_clock_runs_by_it():
    (result,) = simulate(changed(calendars={**CASE["calendars"], "never": {"timezone": "UTC"}}))["cases"]
    assert result["error"]["code"] == "calendar_never_open"
    assert result["error"]["detail"].startswith("calendars.never: ")


@pytest.mark.parametrize("document", [[], "x", None, {"format": 2, "cases": []}, {"cases": {}}])
def test_what_is_no_document_is_refused(document):
    with pytest.raises(InvalidDocument):
        simulate(document)


def test_a_naive_instant_to_look_at_is_refused():
    with pytest.raises(InvalidDocument, match="as_of: "):
        simulate(CASE, as_of=datetime(2026, 3, 3, 9, 15))  # noqa: DTZ001
