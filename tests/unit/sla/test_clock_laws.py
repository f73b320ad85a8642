"""What holds for every clock of every history, whatever its numbers."""

from datetime import timedelta
from functools import cache
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.models.values import ClockState
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.sla.rules.case import Case
from helpdesk.sla.rules.clock import Event, EventType, Policy, evaluate

from .random_histories import CALENDARS, random_case

SEEDS = st.integers(0, 2**32)
INSTANT = timedelta.resolution


@cache
def calendars():
    return {name: Calendar.from_json(hours) for name, hours in CALENDARS.items()}


class Scene:
    """A history drawn at random: its events in order of time, the clocks at an instant, the last of its events."""

    def __init__(self, seed):
        self.random = Random(seed)
        case = random_case(self.random)
        self.policies = {name: Policy.from_json(terms) for name, terms in case["policies"].items()}
        self.events = sorted((event.event() for event in Case.model_validate(case).events), key=lambda event: event.at)
        self.last = self.events[-1].at

    def clocks(self, as_of, events=None):
        return evaluate(self.events if events is None else events, self.policies, calendars(), as_of=as_of)

    def running(self):
        return [clock for clock in self.clocks(self.last) if clock.state is ClockState.RUNNING]

    def again(self, clock, as_of):
        (found,) = (c for c in self.clocks(as_of) if (c.metric, c.instance) == (clock.metric, clock.instance))
        return found


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_any_order_of_the_list_gives_the_same_clocks(seed):
    scene = Scene(seed)
    shuffled = list(scene.events)
    scene.random.shuffle(shuffled)
    # Within an instant the order means something, and is kept.
    places = {at: iter([e for e in scene.events if e.at == at]) for at in {e.at for e in scene.events}}
    shuffled = [next(places[event.at]) for event in shuffled]
    assert scene.clocks(scene.last, shuffled) == scene.clocks(scene.last)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_the_due_time_is_the_first_instant_at_which_the_target_has_elapsed(seed):
    scene = Scene(seed)
    for clock in scene.running():
        if clock.due_at is not None and clock.due_at > scene.last:
            at_due = scene.again(clock, clock.due_at)
            assert (at_due.elapsed_s, at_due.breached, at_due.elapsed_pct) == (clock.target_s, False, 100)
            assert scene.again(clock, clock.due_at - INSTANT).elapsed_s < clock.target_s
            assert scene.again(clock, clock.due_at + INSTANT).breached


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.integers(0, 100))
def test_saying_the_status_again_in_the_middle_changes_nothing(seed, share):
    scene = Scene(seed)
    start = scene.events[0].at
    middle = start + (scene.last - start) * share / 100
    before = [event for event in scene.events if event.at <= middle]
    held = next((e.status for e in reversed(before) if e.type in {EventType.STATUS, EventType.CREATED}), None)
    again = Event(middle, EventType.STATUS, status=held)
    # What belongs to one instant has to stay together.
    split = before + ([again] if all(event.at != middle for event in before) else [])
    split += [event for event in scene.events if event.at > middle]
    after = scene.last + timedelta(hours=7)
    assert [told(c) for c in scene.clocks(after, split)] == [told(c) for c in scene.clocks(after)]


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.integers(1, 200), st.integers(1, 200))
def test_elapsed_time_grows_with_time_and_never_faster(seed, first, second):
    scene = Scene(seed)
    instants = [scene.last + timedelta(minutes=minutes) for minutes in (0, first, first + second)]
    looks = [scene.clocks(at) for at in instants]
    for earlier, later, passed in ((0, 1, first), (1, 2, second)):
        for one, other in zip(looks[earlier], looks[later], strict=True):
            assert 0 <= other.elapsed_s - one.elapsed_s <= 60 * passed


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_a_look_at_the_past_is_not_changed_by_what_came_after(seed):
    scene = Scene(seed)
    at = scene.random.choice(scene.events).at
    assert scene.clocks(at) == scene.clocks(at, [event for event in scene.events if event.at <= at])


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_what_is_told_rises_except_where_a_fall_has_armed_it_again(seed):
    scene = Scene(seed)
    for clock in scene.clocks(scene.last + timedelta(days=3)):
        for one, other in zip(clock.notifications, clock.notifications[1:], strict=False):
            assert one.at < other.at
            assert other.level > one.level or other.target_version > one.target_version
        assert clock.told is None or clock.told.level == clock.level


def told(clock):
    """All that anybody is shown of a clock; not how its life is cut into spells."""
    shown = (
        "metric",
        "instance",
        "state",
        "outcome",
        "due_at",
        "elapsed_s",
        "breached_at",
        "notifications",
        "warnings",
    )
    return [getattr(clock, name) for name in shown]
