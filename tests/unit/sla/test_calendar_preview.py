import time
from datetime import UTC, date, datetime, timedelta

import pytest

from helpdesk.sla.calendars.preview import MOST_OPENINGS, Maker, PeriodNotShown, Reason, preview
from helpdesk.sla.rules.calendar import Calendar

EVERY_DAY = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOON = datetime(2026, 12, 23, 12, tzinfo=UTC)


def calendar(windows=(("09:00", "17:00"),), days=EVERY_DAY, exceptions=None, zone="UTC", **more):
    weekly = {day: [list(window) for window in windows] for day in days}
    return Calendar.from_json({"timezone": zone, "weekly": weekly, "exceptions": exceptions or {}, **more})


def test_without_a_count_two_weeks_are_shown():
    shown = preview(calendar(), start=NOON)
    assert shown.end == NOON + timedelta(days=14)
    assert len(shown.openings) == 15
    assert shown.open_at_start


def test_a_count_is_found_however_far_it_is():
    rare = calendar(days=(), exceptions={"2027-05-01": [["09:00", "10:00"]], "2031-05-01": [["09:00", "10:00"]]})
    shown = preview(rare, start=NOON, count=5)
    assert [opening.opens_at.year for opening in shown.openings] == [2027, 2031]
    assert not shown.open_at_start
    assert preview(rare, start=NOON, count=1).end == datetime(2027, 5, 1, 10, tzinfo=UTC)


def test_days_and_a_count_end_with_whichever_comes_first():
    assert len(preview(calendar(), start=NOON, days=3, count=2).openings) == 2
    assert len(preview(calendar(), start=NOON, days=3, count=9).openings) == 4


def test_an_opening_is_shown_whole_at_both_ends_of_the_period():
    night = calendar(windows=[("22:00", "06:00")])
    shown = preview(night, start=datetime(2026, 12, 24, 2, tzinfo=UTC), days=1)
    assert [(opening.opens_at.hour, opening.closes_at.hour) for opening in shown.openings] == [(22, 6), (22, 6)]
    assert shown.open_s == 8 * 3600


def test_an_opening_without_an_end_in_sight_has_none():
    shown = preview(calendar(windows=[("00:00", "24:00")]), start=NOON, days=3)
    assert [(opening.opens_at, opening.closes_at) for opening in shown.openings] == [(None, None)]
    assert [maker.day.day for maker in shown.openings[0].made_by] == [23, 24, 25, 26]


def test_windows_that_join_are_one_opening_made_by_both():
    shown = preview(calendar(windows=[("09:00", "12:00"), ("11:00", "15:00")], days=("thu",)), start=NOON, days=2)
    assert shown.openings[0].made_by == [
        Maker(Reason.WEEKLY, date(2026, 12, 24), ("09:00", "12:00")),
        Maker(Reason.WEEKLY, date(2026, 12, 24), ("11:00", "15:00")),
    ]


def test_an_exception_is_named_where_it_opens_and_where_it_closes():
    names = {date(2026, 12, 24): "Christmas Eve", date(2026, 12, 25): "Christmas Day"}
    exceptions = {"2026-12-24": [["20:00", "02:00"]], "2026-12-25": [], "2027-06-01": []}
    shown = preview(calendar(days=(), exceptions=exceptions), start=NOON, days=5, names=names)
    assert [opening.made_by for opening in shown.openings] == [
        [Maker(Reason.EXCEPTION, date(2026, 12, 24), ("20:00", "02:00"), "Christmas Eve")]
    ]
    # The next date is an exception of its own, so that the evening ends at midnight.
    assert shown.openings[0].closes_at == datetime(2026, 12, 25, tzinfo=UTC)
    assert [(each.day.day, each.windows, each.holiday) for each in shown.exceptions] == [
        (24, [["20:00", "02:00"]], "Christmas Eve"),
        (25, [], "Christmas Day"),
    ]


def test_local_times_carry_the_offset_of_their_day():
    shown = preview(calendar(zone="Australia/Lord_Howe"), start=datetime(2026, 4, 3, 12, tzinfo=UTC), days=3)
    assert [opening.opens_local.isoformat()[-6:] for opening in shown.openings] == ["+11:00", "+10:30", "+10:30"]
    assert shown.openings[0].opens_at == datetime(2026, 4, 3, 22, tzinfo=UTC)


def test_a_calendar_that_is_always_open_has_one_opening_and_no_exceptions():
    shown = preview(calendar(always_open=True, exceptions={"2026-12-25": []}), start=NOON)
    assert [opening.made_by for opening in shown.openings] == [[Maker(Reason.ALWAYS_OPEN)]]
    assert shown.exceptions == []
    assert shown.open_s == 14 * 86400


def test_a_closed_calendar_shows_nothing():
    assert preview(calendar(days=()), start=NOON, days=30).openings == []


@pytest.mark.parametrize("year", [1970, 2200])
def test_distant_times_are_refused(year):
    with pytest.raises(PeriodNotShown):
        preview(calendar(), start=datetime(year, 1, 1, tzinfo=UTC))


def test_even_the_busiest_calendar_is_shown_in_a_moment():
    windows = [(f"{m // 60:02}:{m % 60:02}", f"{m // 60:02}:{m % 60 + 5:02}") for m in range(0, 1000, 10)]
    start = NOON.date()
    exceptions = {(start + timedelta(days=day)).isoformat(): [list(w) for w in windows] for day in range(0, 400, 2)}
    began = time.perf_counter()
    shown = preview(calendar(windows=windows, exceptions=exceptions), start=NOON, days=400)
    assert len(shown.openings) == MOST_OPENINGS
    assert time.perf_counter() - began < 5
