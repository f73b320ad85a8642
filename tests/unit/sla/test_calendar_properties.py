import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.sla.calendars.preview import preview
from helpdesk.sla.rules.calendar import Calendar, CalendarNeverOpen
from helpdesk.sla.rules.hours import Hours

from .oracle import DAYS, MINUTE, MinuteOracle

# Dates near which a zone's clocks change, also at midnight, by half an hour, or over the date line.
CHANGES = [
    ("Europe/Vienna", date(2026, 3, 29)),
    ("Europe/Vienna", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Sydney", date(2026, 4, 5)),
    ("Australia/Sydney", date(2026, 10, 4)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 29)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("America/Santiago", date(2025, 9, 7)),
    ("Africa/Casablanca", date(2025, 2, 23)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Antarctica/Troll", date(2026, 3, 29)),
    ("Asia/Pyongyang", date(2015, 8, 15)),
    ("America/Caracas", date(2016, 5, 1)),
    ("Atlantic/Azores", date(2026, 3, 29)),
    ("Europe/Dublin", date(2026, 10, 25)),
    ("Asia/Tehran", date(2022, 3, 22)),
    ("America/Scoresbysund", date(2024, 3, 31)),
    ("Asia/Gaza", date(2026, 10, 24)),
    ("Pacific/Chatham", date(2026, 9, 27)),
    ("Asia/Kathmandu", date(2026, 5, 1)),
    ("UTC", date(2024, 2, 29)),
]


@st.composite
def wall_windows(draw):
    start = draw(st.integers(0, 24 * 60 - 1))
    end = draw(st.one_of(st.just(24 * 60), st.integers(0, 24 * 60)))
    return [f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}"]


@st.composite
def scenes(draw):
    """A calendar and a stretch of up to three days around a change of clocks."""
    zone, day = draw(st.sampled_from(CHANGES))
    windows = st.lists(wall_windows(), max_size=3)
    hours = {
        "timezone": zone,
        "weekly": draw(st.dictionaries(st.sampled_from(DAYS), windows, min_size=2)),
        "exceptions": {
            (day + timedelta(days=offset)).isoformat(): own
            for offset, own in draw(st.dictionaries(st.integers(-2, 2), windows, max_size=2)).items()
        },
    }
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    start = noon + draw(st.integers(-3 * 24 * 60, 24 * 60)) * MINUTE
    return hours, start, start + draw(st.integers(0, 3 * 24 * 60)) * MINUTE


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_many_calendars_around_each_change_of_clocks_are_as_open_as_counting_finds(zone, day):
    draw = random.Random(f"{zone} {day}")
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    for _ in range(20):
        hours = drawn_hours(draw, zone, day)
        start = noon + draw.randrange(-2 * 24 * 60, 0) * MINUTE
        end = start + draw.randrange(36 * 60, 60 * 60) * MINUTE
        counted = 60 * MinuteOracle(hours).open_minutes(start, end)
        assert Calendar.from_json(hours).open_seconds(start, end) == counted, (hours, start, end)


def drawn_hours(draw, zone, day):
    """Windows that like to begin and end at full hours of the night, where clocks change."""

    def window():
        start = draw.choice([draw.randrange(24 * 60), draw.choice([0, 30, 60, 90, 120, 150, 180])])
        end = draw.choice([draw.randrange(24 * 60 + 1), draw.choice([0, 60, 120, 150, 180, 24 * 60, start])])
        return [f"{minute // 60:02}:{minute % 60:02}" for minute in (start, end)]

    return {
        "timezone": zone,
        "weekly": {name: [window() for _ in range(draw.randrange(4))] for name in draw.sample(DAYS, 6)},
        "exceptions": {
            (day + timedelta(days=offset)).isoformat(): [window() for _ in range(draw.randrange(3))]
            for offset in draw.sample(range(-2, 3), draw.randrange(4))
        },
    }


@settings(max_examples=100, deadline=None)
@given(scenes())
def test_open_time_is_what_counting_every_minute_gives(scene):
    hours, start, end = scene
    calendar, oracle = Calendar.from_json(hours), MinuteOracle(hours)
    assert calendar.open_seconds(start, end) == 60 * oracle.open_minutes(start, end)


@settings(max_examples=60, deadline=None)
@given(scenes(), st.integers(1, 12 * 60))
def test_an_amount_is_reached_in_the_minute_that_counting_finds(scene, minutes):
    hours, start, _ = scene
    found = MinuteOracle(hours).reach(start, minutes, give_up=start + timedelta(days=4))
    calendar = Calendar.from_json(hours)
    if found is not None:
        assert calendar.advance(start, 60 * minutes) == found
    else:
        try:
            assert calendar.advance(start, 60 * minutes) > start + timedelta(days=4)
        except CalendarNeverOpen:
            assert calendar.open_seconds(start, start + timedelta(days=5 * 366)) < 60 * minutes


@settings(max_examples=100, deadline=None)
@given(scenes(), st.integers(1, 40 * 3600))
def test_reaching_is_the_inverse_of_measuring_and_comes_as_early_as_can_be(scene, seconds):
    hours, start, _ = scene
    calendar = Calendar.from_json(hours)
    try:
        found = calendar.advance(start, seconds)
    except CalendarNeverOpen:
        return
    assert calendar.open_seconds(start, found) == seconds
    assert calendar.open_time(start, found - timedelta.resolution) < timedelta(seconds=seconds)


@settings(max_examples=100, deadline=None)
@given(scenes(), st.integers(0, 3 * 24 * 3600 * 1_000_000))
def test_splitting_a_stretch_changes_nothing_and_open_time_never_shrinks(scene, offset):
    hours, start, end = scene
    calendar = Calendar.from_json(hours)
    between = min(start + timedelta(microseconds=offset), end)
    first, whole = calendar.open_time(start, between), calendar.open_time(start, end)
    assert first + calendar.open_time(between, end) == whole
    assert timedelta() <= first <= whole <= end - start


@settings(max_examples=80, deadline=None)
@given(scenes())
def test_the_listed_intervals_are_apart_in_order_and_add_up(scene):
    hours, start, _ = scene
    calendar, end = Calendar.from_json(hours), start + timedelta(days=40)
    intervals = list(calendar.open_intervals(start, end))
    assert sum((closing - opening for opening, closing in intervals), timedelta()) == calendar.open_time(start, end)
    edges = [edge for interval in intervals for edge in interval]
    assert edges == sorted(set(edges))
    assert not edges or (edges[0] >= start and edges[-1] <= end)


@settings(max_examples=80, deadline=None)
@given(scenes())
def test_the_pieces_of_windows_make_the_openings_and_say_which_date_they_are_of(scene):
    hours, start, _ = scene
    calendar, end = Calendar.from_json(hours), start + timedelta(days=40)
    pieces = list(calendar.pieces(start, end))
    covered = sum((b - a for a, b in openings_of((piece.opens_at, piece.closes_at) for piece in pieces)), timedelta())
    assert covered == calendar.open_time(start, end)
    for piece in pieces:
        own = calendar.exceptions.get(piece.day, ()) if piece.is_exception else calendar.weekly[piece.day.weekday()]
        assert piece.window in own


def openings_of(pieces):
    """Join what overlaps or touches, without the product's help."""
    joined = []
    for start, end in sorted(pieces):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    return joined


@settings(max_examples=80, deadline=None)
@given(scenes())
def test_hours_written_in_one_way_open_as_before_and_are_written_the_same_again(scene):
    hours, start, end = scene
    written = Hours.model_validate(hours).as_json()
    before, after = Calendar.from_json(hours), Calendar.from_json(written)
    assert list(after.open_intervals(start, end)) == list(before.open_intervals(start, end))
    assert Hours.model_validate(written).as_json() == written


@settings(max_examples=60, deadline=None)
@given(scenes(), st.integers(1, 30))
def test_a_preview_shows_whole_openings_in_order_that_add_up_to_the_open_time(scene, days):
    hours, start, _ = scene
    calendar = Calendar.from_json(hours)
    shown = preview(calendar, start=start, days=days)
    long_ago, far = start - timedelta(days=9), shown.end + timedelta(days=9)
    ends = [(o.opens_at or long_ago, o.closes_at or far) for o in shown.openings]
    assert ends == sorted(ends)
    inside = sum((min(b, shown.end) - max(a, start) for a, b in ends), timedelta())
    assert inside == calendar.open_time(start, shown.end)
    assert all(opening.made_by for opening in shown.openings)
    for opening in shown.openings:
        if opening.opens_at is not None:
            assert calendar.open_time(opening.opens_at - timedelta.resolution, opening.opens_at) == timedelta()
