from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.sla.calendar import Calendar, CalendarNeverOpen

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
