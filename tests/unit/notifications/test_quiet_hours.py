from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.notifications.preferences.quiet_hours import DAYS, InvalidQuietHours, QuietHours

VIENNA = ZoneInfo("Europe/Vienna")
# On both sides of the date line, with whole, half and three-quarter hours, and one whose clocks change by half an hour.
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Vienna",
        "America/New_York",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "America/Santiago",
        "Africa/Casablanca",
        "Asia/Tehran",
        "UTC",
    )
]
MINUTE = timedelta(minutes=1)


def quiet(*windows: tuple[str, str], days: tuple[str, ...] = DAYS) -> QuietHours:
    return QuietHours.from_json([{"days": list(days), "from": start, "to": end} for start, end in windows])


def vienna(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIENNA, fold=fold)


def ends(hours: QuietHours, at: str) -> str | None:
    end = hours.end(vienna(at), VIENNA)
    return end.astimezone(VIENNA).strftime("%d %H:%M") if end else None


def test_a_night_begins_on_one_day_and_ends_on_the_next() -> None:
    night = quiet(("22:00", "07:00"))
    assert ends(night, "2026-03-03T21:59") is None
    assert ends(night, "2026-03-03T22:00") == "04 07:00"
    assert ends(night, "2026-03-04T06:59") == "04 07:00"
    assert ends(night, "2026-03-04T07:00") is None


def test_a_window_holds_on_the_days_it_begins_on() -> None:
    # The third of March 2026 is a Tuesday.
    night = quiet(("22:00", "07:00"), days=("tue",))
    assert ends(night, "2026-03-03T23:00") == "04 07:00"
    assert ends(night, "2026-03-04T23:00") is None
    assert ends(night, "2026-03-03T01:00") is None


def test_windows_that_touch_are_one_quiet() -> None:
    weekend = QuietHours.from_json(
        [
            {"days": ["sat", "sun"], "from": "00:00", "to": "24:00"},
            {"from": "20:00", "to": "24:00"},
            {"from": "00:00", "to": "07:30"},
        ]
    )
    # From Friday evening to Monday morning.
    assert ends(weekend, "2026-03-06T20:00") == "09 07:30"
    assert ends(weekend, "2026-03-05T20:00") == "06 07:30"


def test_the_night_in_which_clocks_go_forward_ends_by_the_clock_and_a_skipped_end_when_they_do() -> None:
    assert quiet(("22:00", "07:00")).end(vienna("2026-03-28T23:00"), VIENNA) == datetime(2026, 3, 29, 5, tzinfo=UTC)
    assert quiet(("22:00", "02:30")).end(vienna("2026-03-28T23:00"), VIENNA) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert quiet(("02:30", "06:00")).end(vienna("2026-03-29T01:59"), VIENNA) is None
    assert quiet(("02:30", "06:00")).end(vienna("2026-03-29T03:00"), VIENNA) == datetime(2026, 3, 29, 4, tzinfo=UTC)


def test_an_hour_that_clocks_show_twice_is_quiet_both_times() -> None:
    night = quiet(("02:00", "02:45"))
    end = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)
    assert night.end(vienna("2026-10-25T02:10"), VIENNA) == end
    assert night.end(vienna("2026-10-25T02:50"), VIENNA) == end
    assert night.end(vienna("2026-10-25T02:44", fold=1), VIENNA) == end
    assert night.end(vienna("2026-10-25T02:45", fold=1), VIENNA) is None


@pytest.mark.parametrize(
    "value",
    [
        {"days": [], "from": "22:00", "to": "07:00"},
        {"days": ["someday"], "from": "22:00", "to": "07:00"},
        {"from": "22:00", "to": "22:00"},
        {"from": "24:00", "to": "07:00"},
        {"from": "25:00", "to": "07:00"},
        {"from": "22:60", "to": "07:00"},
        {"from": "10pm", "to": "07:00"},
        {"from": "22:00"},
    ],
)
def test_what_is_no_window_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidQuietHours):
        QuietHours.from_json([value])


def test_quiet_without_end_is_refused() -> None:
    with pytest.raises(InvalidQuietHours, match="never end"):
        quiet(("00:00", "24:00"))
    with pytest.raises(InvalidQuietHours, match="never end"):
        quiet(("20:00", "09:00"), ("08:00", "21:00"))
    with pytest.raises(InvalidQuietHours, match="at most 14"):
        quiet(*[("22:00", "07:00")] * 15)
    assert quiet(("00:00", "23:59")).windows


times = st.integers(0, 24 * 60 - 1)
windows = st.builds(
    lambda days, start, length: {
        "days": sorted(days, key=DAYS.index),
        "from": f"{start // 60:02}:{start % 60:02}",
        "to": f"{(start + length) % 1440 // 60:02}:{(start + length) % 60:02}",
    },
    st.sets(st.sampled_from(DAYS), min_size=1, max_size=6),
    times,
    st.integers(1, 1439),
)
instants = st.integers(0, 2 * 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE)


def shown_as_quiet(hours: list[dict[str, Any]], at: datetime, zone: ZoneInfo) -> bool:
    """Look at the clock on the wall."""
    local = at.astimezone(zone)
    clock = f"{local:%H:%M}"
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    return any(
        (window["from"] <= clock < window["to"] and today in window["days"])
        if window["from"] < window["to"]
        else (clock >= window["from"] and today in window["days"])
        or (clock < window["to"] and yesterday in window["days"])
        for window in hours
    )


def near_a_change(at: datetime, zone: ZoneInfo) -> bool:
    return (at - timedelta(days=2)).astimezone(zone).utcoffset() != (at + timedelta(days=2)).astimezone(
        zone
    ).utcoffset()


@given(st.lists(windows, min_size=1, max_size=2), instants, st.sampled_from(ZONES))
def test_quiet_is_what_the_clock_on_the_wall_says_it_is(
    hours: list[dict[str, Any]], at: datetime, zone: ZoneInfo
) -> None:
    end = QuietHours.from_json(hours).end(at, zone)
    if shown_as_quiet(hours, at, zone):
        assert end is not None
    elif not near_a_change(at, zone):
        assert end is None


@given(st.lists(windows, min_size=1, max_size=2), instants, st.sampled_from(ZONES))
def test_quiet_lasts_until_the_first_minute_that_is_not(
    hours: list[dict[str, Any]], at: datetime, zone: ZoneInfo
) -> None:
    quiet_hours = QuietHours.from_json(hours)
    end = quiet_hours.end(at, zone)
    if end is None:
        return
    assert at < end < at + timedelta(days=9)
    assert quiet_hours.end(end, zone) is None
    assert quiet_hours.end(at + (end - at) / 2, zone) == end
    assert quiet_hours.end(end - MINUTE / 60, zone) == end
