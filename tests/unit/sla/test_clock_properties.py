from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.case import Case
from helpdesk.sla.rules.clock import EventType, Policy, evaluate
from helpdesk.sla.rules.exchange import clock_json, simulate

from .history_oracle import METRICS, ORIGIN, STEP, Desk, open_steps, text

SHIFTS = {day: [["08:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat")}
NIGHTS = {day: [["20:00", "05:30"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
# All of it lies around the night of 28 to 29 March, when Vienna's clocks go forward.
CALENDARS = {
    "shifts": {"timezone": "Europe/Vienna", "weekly": SHIFTS, "exceptions": {"2026-03-27": [["10:00", "11:30"]]}},
    "nights": {"timezone": "Europe/Vienna", "weekly": NIGHTS, "exceptions": {"2026-03-28": []}},
    "always": {"timezone": "Europe/Vienna", "always_open": True},
}
TARGETS = st.builds(
    lambda targets, missing: {metric: minutes for metric, minutes in targets.items() if metric != missing},
    st.fixed_dictionaries(dict.fromkeys(METRICS, st.integers(1, 6).map(lambda n: 100 * n))),
    st.sampled_from([None, None, None, *METRICS]),
)
WAITING = st.lists(st.sampled_from(["new", "open", "pending", "on_hold"]), unique=True)
POLICIES = st.fixed_dictionaries(
    {
        "calendar": st.sampled_from(list(CALENDARS)),
        "targets": st.fixed_dictionaries({"normal": TARGETS, "high": TARGETS, "urgent": TARGETS}),
    },
    optional={
        "pause_on": st.dictionaries(st.sampled_from(METRICS), WAITING),
        "thresholds": st.lists(st.sampled_from([50, 75, 90, 100, 120]), min_size=1, unique=True),
    },
)
PRIORITIES = st.sampled_from(["normal", "high", "urgent"])
NAMES = st.sampled_from(["p", "q", "p", "q", "p", None])
STATUSES = st.sampled_from(["open", "pending", "on_hold", "solved", "closed", "open", "solved"])
CHANGES = st.one_of(
    st.just({"type": "message"}),
    st.just({"type": "reply", "by": "agent", "public": True}),
    st.fixed_dictionaries({"type": st.just("reply"), "by": st.sampled_from(["agent", "ai"]), "public": st.booleans()}),
    st.sampled_from(["u1", None]).map(lambda to: {"type": "assigned", "to": to}),
    STATUSES.map(lambda to: {"type": "status", "to": to}),
    STATUSES.map(lambda to: {"type": "status", "to": to}),
    PRIORITIES.map(lambda to: {"type": "priority", "to": to}),
    NAMES.map(lambda to: {"type": "policy", "to": to}),
)
CREATIONS = st.fixed_dictionaries(
    {
        "type": st.just("created"),
        "by": st.sampled_from(["customer", "customer", "agent"]),
        "priority": PRIORITIES,
        "policy": NAMES,
    },
    optional={"status": STATUSES},
)


@st.composite
def cases(draw):
    """A ticket of up to four days with up to ten events, several of them perhaps at one instant."""
    born = draw(st.integers(0, 24 * 12))
    events = [{"at": text(born), **draw(CREATIONS)}]
    for change in draw(st.lists(CHANGES, max_size=10)):
        born += draw(st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 24 * 12)))
        events.append({"at": text(born), **change})
    as_of = draw(st.sampled_from(events))["at"] if draw(st.booleans()) else text(born + draw(st.integers(0, 300)))
    return {
        "calendars": CALENDARS,
        "policies": {"p": draw(POLICIES), "q": draw(POLICIES)},
        "events": events,
        "checks": [{"as_of": as_of}],
    }


@cache
def opens():
    return {name: open_steps(hours) for name, hours in CALENDARS.items()}


def parts(case):
    calendars = {name: _calendar(name) for name in CALENDARS}
    policies = {name: Policy.from_json(terms) for name, terms in case["policies"].items()}
    return [event.event() for event in Case.model_validate(case).events], policies, calendars


@cache
def _calendar(name):
    return Calendar.from_json(CALENDARS[name])


def instants(events):
    return sorted({event.at for event in events} | {events[-1].at + timedelta(hours=30)})


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_clocks_are_what_living_through_the_ticket_gives(case):
    as_of = case["checks"][0]["as_of"]
    assert simulate(case)["cases"][0]["checks"] == [{"as_of": as_of, "clocks": Desk(case, opens()).clocks(as_of)}]


@settings(max_examples=60, deadline=None)
@given(cases())
def test_what_has_been_told_is_never_taken_back(case):
    events, policies, calendars = parts(case)
    before: dict = {}
    for at in instants(events):
        now = {(c.metric, c.instance): c for c in evaluate(events, policies, calendars, as_of=at)}
        for key, clock in before.items():
            assert now[key].notifications[: len(clock.notifications)] == clock.notifications
            assert now[key].start_at == clock.start_at
        before = now


@settings(max_examples=60, deadline=None)
@given(cases())
def test_an_unchanged_priority_and_policy_said_again_change_nothing(case):
    events, policies, calendars = parts(case)
    end = instants(events)[-1]
    repeated = []
    for event in events:
        repeated.append(event)
        if event.type is EventType.PRIORITY:
            repeated += [event, event]
    before = [clock_json(clock) for clock in evaluate(events, policies, calendars, as_of=end)]
    assert [clock_json(clock) for clock in evaluate(repeated, policies, calendars, as_of=end)] == before


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(0, 96 * 12))
def test_between_events_elapsed_time_only_grows_and_a_due_time_only_stays(case, offset):
    events, policies, calendars = parts(case)
    last = events[-1].at
    earlier = evaluate(events, policies, calendars, as_of=last)
    later = evaluate(events, policies, calendars, as_of=last + offset * STEP)
    for first, second in zip(earlier, later, strict=True):
        assert first.elapsed_s <= second.elapsed_s
        assert (first.due_at, first.target_version, first.state) == (second.due_at, second.target_version, second.state)
        assert first.breached <= second.breached


@settings(max_examples=60, deadline=None)
@given(cases())
def test_looking_at_each_next_threshold_misses_no_level_and_no_breach(case):
    events, policies, calendars = parts(case)
    last = events[-1].at
    end = last + timedelta(days=5)
    for clock in evaluate(events, policies, calendars, as_of=last):
        seen, at = clock, clock.next_threshold_at
        while at is not None and at <= end:
            (seen,) = (
                c
                for c in evaluate(events, policies, calendars, as_of=at)
                if (c.metric, c.instance) == (clock.metric, clock.instance)
            )
            assert seen.next_threshold_at is None or seen.next_threshold_at > at
            at = seen.next_threshold_at
        (final,) = (
            c
            for c in evaluate(events, policies, calendars, as_of=end)
            if (c.metric, c.instance) == (clock.metric, clock.instance)
        )
        assert (seen.notifications, seen.breached_at) == (final.notifications, final.breached_at)


def test_the_oracle_sees_the_hour_that_is_missing_on_29_march():
    night = open_steps(CALENDARS["nights"])
    midnight, next_midnight = ((at - ORIGIN) // STEP for at in (local_midnight(29), local_midnight(30)))
    assert sum(night[midnight:next_midnight]) == 12 * (5.5 - 1 + 4)


def local_midnight(day):
    return datetime(2026, 3, day, tzinfo=ZoneInfo("Europe/Vienna")).astimezone(UTC)
