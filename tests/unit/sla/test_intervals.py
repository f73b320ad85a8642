from helpdesk.sla.rules.intervals import Openings, clip, subtract, union


def test_a_union_is_sorted_and_joins_what_touches():
    assert union([(5, 7), (1, 3), (3, 4), (6, 9)]) == [(1, 4), (5, 9)]


def test_empty_and_reversed_spans_count_for_nothing():
    assert union([(3, 3), (5, 2)]) == []


def test_a_hole_may_split_a_span_swallow_it_or_miss_it():
    assert subtract([(0, 10)], [(3, 5)]) == [(0, 3), (5, 10)]
    assert subtract([(3, 5)], [(0, 10)]) == []
    assert subtract([(0, 3)], [(3, 5), (9, 9)]) == [(0, 3)]


def test_clipping_keeps_what_lies_inside():
    assert clip([(0, 3), (4, 9), (12, 15)], 2, 6) == [(2, 3), (4, 6)]


def test_openings_measure_before_and_reach_the_earliest_instant():
    openings = Openings([(10, 20), (30, 40)])
    assert [openings.before(at) for at in (0, 10, 15, 20, 25, 30, 99)] == [0, 0, 5, 10, 10, 10, 20]
    assert [openings.reach(amount) for amount in (1, 10, 11, 20)] == [11, 20, 31, 40]
    assert openings.total == 20
    assert Openings([]).before(5) == 0
