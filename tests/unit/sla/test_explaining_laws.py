from datetime import timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.sla.explaining.explanation import HEAD, MIDDLE, TAIL, IntervalKind, explain

from .test_clock_laws import Scene, calendars


def explained(seed):
    scene = Scene(seed)
    as_of = Random(seed).choice([scene.last, scene.last + timedelta(minutes=333), scene.last + timedelta(days=90)])
    for found in explain(scene.events, scene.policies, calendars(), as_of=as_of):
        yield found, found.clock.stopped_at or as_of


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_the_stretches_lie_end_to_end_from_start_to_end(seed):
    for found, end in explained(seed):
        edges = [found.clock.start_at, *(interval.end for interval in found.intervals)]
        assert [interval.start for interval in found.intervals] == edges[:-1]
        assert edges[-1] == end
        assert all(interval.start < interval.end for interval in found.intervals)
        assert len(found.intervals) <= HEAD + MIDDLE + TAIL


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_what_they_counted_adds_up_to_the_elapsed_time(seed):
    for found, _ in explained(seed):
        running = 0
        for interval in found.intervals:
            running += interval.counted_s
            assert (interval.elapsed_s, interval.elapsed_pct) == (
                running,
                round(100 * running / found.clock.target_s, 2),
            )
            assert interval.counted_s == 0 or interval.kind in {IntervalKind.COUNTED, IntervalKind.MERGED}
        assert running == found.clock.elapsed_s


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_a_stretch_that_counted_was_open_from_end_to_end_and_a_closed_one_not_at_all(seed):
    for found, _ in explained(seed):
        calendar = calendars()[found.clock.calendar]
        for interval in found.intervals:
            if interval.kind in {IntervalKind.COUNTED, IntervalKind.CLOSED}:
                length = interval.end - interval.start if interval.kind is IntervalKind.COUNTED else timedelta()
                assert calendar.open_time(interval.start, interval.end) == length


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_the_marks_come_in_order_and_lie_within(seed):
    for found, end in explained(seed):
        times = [mark.at for mark in found.marks]
        assert times == sorted(times)
        assert times[0] == found.clock.start_at
        assert times[-1] <= end
        told = [(mark.level, mark.at) for mark in found.marks if mark.kind == "told"]
        assert told == [(note.level, note.at) for note in found.clock.notifications]
        assert all(one != other for one, other in pairwise(found.marks))
