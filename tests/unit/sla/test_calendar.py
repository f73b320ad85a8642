import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from helpdesk.errors import Invalid
from helpdesk.sla.rules.calendar import Calendar, CalendarNeverOpen, InvalidCalendar

WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
EVERY_DAY = (*WORKDAYS, "sat", "sun")


def calendar(zone="Europe/Vienna", days=WORKDAYS, windows=(("09:00", "17:00"),), exceptions=None, **more):
    weekly = {day: [list(window) for window in windows] for day in days}
    return Calendar.from_json({"timezone": zone, "weekly": weekly, "exceptions": exceptions or {}, **more})


def local(text, zone="Europe/Vienna"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def hours(calendar, start, end):
    return calendar.open_seconds(start, end) / 3600


def test_only_the_windows_of_the_week_count():
    office = calendar()
    assert hours(office, local("2026-03-02"), local("2026-03-09")) == 40
    assert hours(office, local("2026-03-07"), local("2026-03-09")) == 0
    assert hours(office, local("2026-03-03T16:00"), local("2026-03-04T10:00")) == 2


def test_time_that_runs_backwards_is_no_time():
    assert calendar().open_seconds(local("2026-03-04"), local("2026-03-03")) == 0


def test_open_time_keeps_fractions_and_open_seconds_drop_them():
    start = local("2026-03-03T16:59:58.500000")
    assert calendar().open_time(start, local("2026-03-04")) == timedelta(seconds=1.5)
    assert calendar().open_seconds(start, local("2026-03-04")) == 1


def test_nothing_to_wait_for_is_reached_at_once_even_when_closed():
    saturday = local("2026-03-07T11:00")
    assert calendar().advance(saturday, 0) == saturday


@pytest.mark.parametrize("always_open", [True, False])
def test_times_in_any_zone_are_taken_as_the_instants_they_are(always_open):
    day = calendar(days=EVERY_DAY, windows=[("00:00", "24:00")], always_open=always_open)
    start, end = (datetime(2026, 3, date, tzinfo=ZoneInfo("Europe/Vienna")) for date in (29, 30))
    assert hours(day, start, end) == 23
    assert day.advance(start, 23 * 3600) == end.astimezone(UTC)
    assert list(day.open_intervals(start, end)) == [(start.astimezone(UTC), end.astimezone(UTC))]


def test_a_target_that_ends_at_closing_is_reached_at_closing_not_at_the_next_opening():
    assert calendar().advance(local("2026-03-06T16:00"), 3600) == local("2026-03-06T17:00")


def test_one_second_more_is_reached_after_the_weekend():
    assert calendar().advance(local("2026-03-06T16:00"), 3601) == local("2026-03-09T09:00:01")


def test_windows_that_overlap_or_touch_count_once():
    office = calendar(windows=[("09:00", "13:00"), ("12:00", "15:00"), ("15:00", "17:00"), ("10:00", "11:00")])
    assert hours(office, local("2026-03-03"), local("2026-03-04")) == 8
    assert list(office.open_intervals(local("2026-03-03"), local("2026-03-04"))) == [
        (local("2026-03-03T09:00"), local("2026-03-03T17:00"))
    ]


def test_the_order_of_windows_does_not_matter():
    office = calendar(windows=[("13:00", "17:00"), ("08:00", "12:00")])
    assert office.advance(local("2026-03-03T11:30"), 3600) == local("2026-03-03T13:30")


def test_a_window_may_end_at_midnight_written_as_24_00():
    late = calendar(windows=[("20:00", "24:00")])
    assert hours(late, local("2026-03-03"), local("2026-03-04T08:00")) == 4


def test_a_window_that_ends_before_it_begins_goes_on_after_midnight():
    night = calendar(days=("fri",), windows=[("22:00", "06:00")])
    assert hours(night, local("2026-03-06"), local("2026-03-07")) == 2
    assert hours(night, local("2026-03-07"), local("2026-03-08")) == 6


def test_a_window_from_a_time_to_the_same_time_is_a_whole_day():
    day = calendar(days=("wed",), windows=[("09:00", "09:00")])
    assert list(day.open_intervals(local("2026-03-02"), local("2026-03-09"))) == [
        (local("2026-03-04T09:00"), local("2026-03-05T09:00"))
    ]


def test_overnight_windows_of_every_day_join_with_what_follows():
    night = calendar(days=EVERY_DAY, windows=[("22:00", "06:00"), ("06:00", "08:00")])
    assert hours(night, local("2026-03-03"), local("2026-03-04")) == 10


def test_sunday_night_reaches_into_monday():
    night = calendar(days=("sun",), windows=[("23:00", "02:00")])
    assert hours(night, local("2026-03-09"), local("2026-03-10")) == 2


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_every_day_of_a_season_is_as_open_as_the_next(zone):
    long = calendar(zone, days=EVERY_DAY, windows=[("13:00", "12:00")])
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    days = [noon + timedelta(days=day) for day in range(90)]
    assert {hours(long, day, day + timedelta(days=1)) for day in days} == {23}


class TestDaylightSaving:
    def test_a_window_with_the_spring_gap_is_an_hour_shorter(self):
        night = calendar(days=EVERY_DAY, windows=[("00:00", "06:00")])
        assert hours(night, local("2026-03-29"), local("2026-03-30")) == 5

    def test_a_window_with_the_autumn_hour_is_an_hour_longer(self):
        night = calendar(days=EVERY_DAY, windows=[("00:00", "06:00")])
        assert hours(night, local("2026-10-25"), local("2026-10-26")) == 7

    def test_an_overnight_window_over_the_change_is_measured_in_real_time(self):
        night = calendar(days=EVERY_DAY, windows=[("22:00", "06:00")])
        assert hours(night, local("2026-03-28T12:00"), local("2026-03-29T12:00")) == 7
        assert hours(night, local("2026-10-24T12:00"), local("2026-10-25T12:00")) == 9

    def test_a_daytime_window_is_as_long_as_ever_on_the_day_of_the_change(self):
        day = calendar(days=EVERY_DAY)
        assert hours(day, local("2026-03-29"), local("2026-03-30")) == 8
        assert hours(day, local("2026-10-25"), local("2026-10-26")) == 8

    def test_a_boundary_in_the_gap_lies_where_it_would_without_the_change(self):
        # 02:30 does not exist; an hour and a half after midnight the clock shows 03:30.
        opening = calendar(days=EVERY_DAY, windows=[("02:30", "05:00")])
        assert opening.advance(local("2026-03-29"), 1) == datetime(2026, 3, 29, 1, 30, 1, tzinfo=UTC)
        assert hours(opening, local("2026-03-29"), local("2026-03-30")) == 1.5

    def test_a_window_that_the_gap_turns_round_is_empty(self):
        opening = calendar(days=EVERY_DAY, windows=[("02:30", "03:00")])
        assert hours(opening, local("2026-03-29"), local("2026-03-30")) == 0

    def test_a_boundary_in_the_doubled_hour_is_its_first_showing(self):
        closing = calendar(days=EVERY_DAY, windows=[("00:00", "02:30")])
        assert hours(closing, local("2026-10-25"), local("2026-10-26")) == 2.5
        opening = calendar(days=EVERY_DAY, windows=[("02:30", "04:00")])
        assert hours(opening, local("2026-10-25"), local("2026-10-26")) == 2.5

    def test_a_zone_that_shifts_by_half_an_hour_is_followed(self):
        zone = "Australia/Lord_Howe"
        night = calendar(zone, days=EVERY_DAY, windows=[("00:00", "06:00")])
        assert hours(night, local("2026-04-05", zone), local("2026-04-06", zone)) == 6.5
        assert hours(night, local("2026-10-04", zone), local("2026-10-05", zone)) == 5.5

    def test_a_zone_whose_day_begins_at_one_closes_for_that_whole_day(self):
        zone = "Africa/Cairo"
        always = calendar(zone, days=EVERY_DAY, windows=[("00:00", "24:00")], exceptions={"2026-04-24": []})
        start, end = datetime(2026, 4, 23, 0, tzinfo=UTC), datetime(2026, 4, 25, 12, tzinfo=UTC)
        assert list(always.open_intervals(start, end)) == [
            (start, datetime(2026, 4, 23, 22, tzinfo=UTC)),
            (datetime(2026, 4, 24, 21, tzinfo=UTC), end),
        ]

    def test_the_hours_of_a_year_add_up_whatever_the_clocks_do(self):
        nights = calendar(days=EVERY_DAY, windows=[("00:00", "24:00")])
        assert hours(nights, local("2026-01-01"), local("2027-01-01")) == 365 * 24


class TestExceptions:
    def test_a_date_without_windows_is_closed(self):
        office = calendar(exceptions={"2026-01-06": []})
        assert office.advance(local("2026-01-05T16:00"), 7200) == local("2026-01-07T10:00")

    def test_a_date_with_windows_is_open_in_those_only(self):
        office = calendar(exceptions={"2026-12-24": [["09:00", "12:00"]]})
        assert hours(office, local("2026-12-24"), local("2026-12-25")) == 3

    def test_an_exception_may_open_a_day_off(self):
        office = calendar(exceptions={"2026-03-07": [["10:00", "12:00"], ["11:00", "13:00"]]})
        assert hours(office, local("2026-03-07"), local("2026-03-08")) == 3

    def test_it_cuts_the_tail_of_the_evening_before(self):
        night = calendar(days=EVERY_DAY, windows=[("22:00", "06:00")], exceptions={"2026-05-20": []})
        assert list(night.open_intervals(local("2026-05-19T12:00"), local("2026-05-21T12:00"))) == [
            (local("2026-05-19T22:00"), local("2026-05-20T00:00")),
            (local("2026-05-21T00:00"), local("2026-05-21T06:00")),
        ]

    def test_its_own_overnight_window_goes_on_into_the_next_date(self):
        night = calendar(exceptions={"2026-03-07": [["20:00", "04:00"]]})
        assert hours(night, local("2026-03-07"), local("2026-03-09")) == 8

    def test_a_second_exception_cuts_the_overnight_window_of_the_first(self):
        night = calendar(exceptions={"2026-03-07": [["20:00", "04:00"]], "2026-03-08": [["03:00", "05:00"]]})
        assert list(night.open_intervals(local("2026-03-07"), local("2026-03-09"))) == [
            (local("2026-03-07T20:00"), local("2026-03-08T00:00")),
            (local("2026-03-08T03:00"), local("2026-03-08T05:00")),
        ]

    def test_a_holiday_on_the_day_of_the_change_covers_its_23_hours(self):
        day = calendar(days=EVERY_DAY, windows=[("00:00", "24:00")], exceptions={"2026-03-29": []})
        assert hours(day, local("2026-03-28"), local("2026-03-31")) == 48

    def test_a_calendar_that_is_always_open_ignores_them(self):
        always = Calendar.from_json({"timezone": "UTC", "always_open": True, "exceptions": {"2026-12-25": []}})
        start = datetime(2026, 12, 24, 12, tzinfo=UTC)
        assert always.advance(start, 86400) == start + timedelta(days=1)
        assert always.open_seconds(start, start + timedelta(days=2)) == 2 * 86400
        assert list(always.open_intervals(start, start + timedelta(days=9))) == [(start, start + timedelta(days=9))]


class TestNeverOpen:
    @pytest.mark.parametrize(
        "hours",
        [
            {"timezone": "UTC"},
            {"timezone": "UTC", "weekly": {"mon": []}},
            {"timezone": "UTC", "exceptions": {"2026-05-01": []}},
            {"timezone": "UTC", "exceptions": {"2020-05-01": [["09:00", "17:00"]]}},
            {"timezone": "UTC", "exceptions": {"2035-05-01": [["09:00", "17:00"]]}},
        ],
    )
    def test_it_is_refused(self, hours):
        with pytest.raises(CalendarNeverOpen):
            Calendar.from_json(hours).ensure_opens(datetime(2026, 3, 3, tzinfo=UTC))

    def test_a_single_opening_within_five_years_is_enough_to_be_kept(self):
        rare = Calendar.from_json({"timezone": "UTC", "exceptions": {"2030-12-31": [["09:00", "10:00"]]}})
        start = datetime(2026, 3, 3, tzinfo=UTC)
        rare.ensure_opens(start)
        assert rare.advance(start, 3600) == datetime(2030, 12, 31, 10, tzinfo=UTC)

    def test_more_than_it_opens_within_five_years_is_never_reached(self):
        rare = Calendar.from_json({"timezone": "UTC", "exceptions": {"2030-12-31": [["09:00", "10:00"]]}})
        with pytest.raises(CalendarNeverOpen, match="five years of 2026-03-03"):
            rare.advance(datetime(2026, 3, 3, tzinfo=UTC), 3601)

    def test_it_is_an_error_in_the_calendar(self):
        assert issubclass(CalendarNeverOpen, InvalidCalendar)
        assert issubclass(InvalidCalendar, Invalid)


class TestReading:
    @pytest.mark.parametrize(
        ("hours", "sentence"),
        [
            ({}, "calendar.timezone: Field required"),
            ({"timezone": "Europe/Wien"}, "calendar.timezone: 'Europe/Wien' is not an IANA time zone"),
            ({"timezone": "../etc/passwd"}, "calendar.timezone: '../etc/passwd' is not an IANA time zone"),
            ({"timezone": "Europe"}, "calendar.timezone: 'Europe' is not an IANA time zone"),
            ({"timezone": ""}, "calendar.timezone: '' is not an IANA time zone"),
            ({"timezone": "localtime"}, "calendar.timezone: 'localtime' is not an IANA time zone"),
            ({"timezone": "right/Europe/Vienna"}, "calendar.timezone: 'right/Europe/Vienna' is not an IANA time zone"),
            ({"timezone": "UTC", "weekly": {"monday": []}}, "calendar.weekly.monday: "),
            (
                {"timezone": "UTC", "weekly": {"mon": [["9:00", "17:00"]]}},
                "calendar.weekly.mon.0: '9:00' is not a time of day from 00:00 to 24:00",
            ),
            ({"timezone": "UTC", "weekly": {"mon": [["09:00", "24:30"]]}}, "calendar.weekly.mon.0: '24:30' is not"),
            ({"timezone": "UTC", "weekly": {"mon": [["24:00", "02:00"]]}}, "cannot begin at 24:00"),
            ({"timezone": "UTC", "weekly": {"mon": ["09:00-17:00"]}}, "calendar.weekly.mon.0: a window is a pair"),
            ({"timezone": "UTC", "weekly": {"mon": [["09:00", "12:00", "13:00"]]}}, "a window is a pair"),
            ({"timezone": "UTC", "weekly": {"mon": [[9, 17]]}}, "a window is a pair"),
            ({"timezone": "UTC", "exceptions": {"2026-02-30": []}}, "calendar.exceptions.2026-02-30: "),
            ({"timezone": "UTC", "exceptions": {"24.12.2026": []}}, "is not a date written YYYY-MM-DD"),
            ({"timezone": "UTC", "always_open": "no"}, "calendar.always_open: "),
        ],
    )
    def test_a_wrong_field_is_named(self, hours, sentence):
        with pytest.raises(InvalidCalendar) as raised:
            Calendar.from_json(hours)
        assert sentence in raised.value.detail

    def test_the_sentence_begins_where_the_caller_says(self):
        with pytest.raises(InvalidCalendar, match=r"^calendars\.vie\.timezone: "):
            Calendar.from_json({"timezone": "Mars/Base"}, where="calendars.vie")


def test_two_calendars_with_the_same_hours_are_equal_whatever_they_have_computed():
    used, fresh = calendar(), calendar()
    used.open_seconds(local("2026-01-01"), local("2027-01-01"))
    assert used == fresh


def test_due_times_come_quickly_once_a_calendar_is_warm():
    office = calendar(windows=[("08:00", "12:00"), ("13:00", "17:00")], exceptions={"2026-12-25": []})
    start = local("2026-03-03T11:30")
    office.advance(start, 90 * 8 * 3600)
    began = time.perf_counter()
    for minute in range(2000):
        office.advance(start + timedelta(minutes=minute), 90 * 8 * 3600)
    assert (time.perf_counter() - began) / 2000 < 0.0005
