"""Ticks of cron expressions, above all on the days on which clocks are changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from helpdesk.queue.cron import Cron, CronRefused

VIENNA, NEW_YORK, LORD_HOWE = "Europe/Vienna", "America/New_York", "Australia/Lord_Howe"
ZONES = ("UTC", VIENNA, NEW_YORK, LORD_HOWE, "America/Santiago", "America/Havana", "Asia/Kathmandu", "Pacific/Apia")


def wall(*parts: int) -> datetime:
    """Return a time as clocks show it, which is taken for that of the place in question."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def on_the_wall(cron: Cron, zone: str, start: datetime, end: datetime) -> list[str]:
    """Return the ticks between two local times as the clock shows them, with their distance to UTC."""
    place = ZoneInfo(zone)
    ticks = cron.between(
        start.replace(tzinfo=place).astimezone(UTC) - timedelta(seconds=1), end.replace(tzinfo=place).astimezone(UTC)
    )
    return [f"{tick.astimezone(place):%d %H:%M %z}" for tick in ticks]


def test_a_time_that_is_left_out_in_spring_is_made_up_for() -> None:
    for zone, day, after_gap in (
        (VIENNA, wall(2026, 3, 29), "29 03:00 +0200"),
        (NEW_YORK, wall(2026, 3, 8), "08 03:00 -0400"),
        (LORD_HOWE, wall(2026, 10, 4), "04 02:30 +1100"),
    ):
        found = on_the_wall(Cron("10 2 * * *", zone), zone, day, day + timedelta(days=1, hours=-1))
        assert found == [after_gap]


def test_times_of_one_gap_are_one_tick() -> None:
    day = wall(2026, 3, 29)
    assert on_the_wall(Cron("0,30 2,3 * * *", VIENNA), VIENNA, day, day + timedelta(hours=23)) == [
        "29 03:00 +0200",
        "29 03:30 +0200",
    ]


def test_a_time_that_comes_twice_in_autumn_counts_once() -> None:
    for zone, day, at, first in (
        (VIENNA, wall(2026, 10, 25), "30 2", "25 02:30 +0200"),
        (NEW_YORK, wall(2026, 11, 1), "30 1", "01 01:30 -0400"),
        (LORD_HOWE, wall(2026, 4, 5), "45 1", "05 01:45 +1100"),
    ):
        found = on_the_wall(Cron(f"{at} * * *", zone), zone, day, day + timedelta(hours=20))
        assert found == [first]


def test_what_is_due_every_so_often_follows_time_as_it_passes() -> None:
    spring = wall(2026, 3, 29, 1, 30)
    assert on_the_wall(Cron("*/30 * * * *", VIENNA), VIENNA, spring, wall(2026, 3, 29, 3, 30)) == [
        "29 01:30 +0100",
        "29 03:00 +0200",
        "29 03:30 +0200",
    ]
    autumn = wall(2026, 10, 25, 2)
    assert on_the_wall(Cron("*/30 * * * *", VIENNA), VIENNA, autumn, wall(2026, 10, 25, 3)) == [
        "25 02:00 +0200",
        "25 02:30 +0200",
        "25 02:00 +0100",
        "25 02:30 +0100",
        "25 03:00 +0100",
    ]
    # Half an hour comes twice on Lord Howe Island, and is left out in October.
    assert on_the_wall(Cron("*/15 1 * * *", LORD_HOWE), LORD_HOWE, wall(2026, 4, 5), wall(2026, 4, 5, 9)) == [
        "05 01:00 +1100",
        "05 01:15 +1100",
        "05 01:30 +1100",
        "05 01:45 +1100",
        "05 01:30 +1030",
        "05 01:45 +1030",
    ]
    hours = on_the_wall(Cron("0 * * * *", LORD_HOWE), LORD_HOWE, wall(2026, 10, 4, 1), wall(2026, 10, 4, 4))
    assert hours == ["04 01:00 +1030", "04 03:00 +1100", "04 04:00 +1100"]


def test_every_minute_has_a_tick_on_every_day_of_change() -> None:
    for zone, day in ((VIENNA, (10, 25)), (VIENNA, (3, 29)), (NEW_YORK, (11, 1)), (LORD_HOWE, (10, 4))):
        start = datetime(2026, *day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
        ticks = Cron("* * * * *", zone).between(start - timedelta(seconds=1), start + timedelta(hours=6))
        assert ticks == [start + timedelta(minutes=n) for n in range(361)]


def test_a_day_that_a_country_left_out_is_made_up_for_once() -> None:
    # Samoa went from the 29th to the 31st of December 2011.
    found = on_the_wall(Cron("0 9 * * *", "Pacific/Apia"), "Pacific/Apia", wall(2011, 12, 29), wall(2012, 1, 1))
    assert found == ["29 09:00 -1000", "31 00:00 +1400", "31 09:00 +1400"]


YEARS = (wall(2024, 1, 1).replace(tzinfo=None), wall(2027, 1, 1).replace(tzinfo=None))
CRONS = ("* * * * *", "*/15 * * * *", "7 * * * *", "30 2 * * *", "0,30 1,2,3 * * *", "*/20 1-3 * * SUN", "0 0 * * *")
CRONS += ("15 */2 * * *", "0 6 * * MON", "0 0 1 * *", "59 23 L * *")


@settings(max_examples=80, deadline=None)
@given(
    expression=st.sampled_from(CRONS),
    zone=st.sampled_from(ZONES),
    start=st.datetimes(*YEARS),
    steps=st.lists(st.timedeltas(timedelta(seconds=1), timedelta(hours=30)), min_size=1, max_size=6),
)
def test_no_tick_is_lost_or_doubled_whenever_somebody_looks(
    expression: str, zone: str, start: datetime, steps: list[timedelta]
) -> None:
    cron, now = Cron(expression, zone), start.replace(tzinfo=UTC)
    begin, seen = now, []
    for step in steps:
        seen += cron.between(now, now + step)
        now += step
    assert seen == cron.between(begin, now)
    assert len(set(seen)) == len(seen)
    # One after the other gives the same.
    followed, tick = [], cron.following(begin)
    while tick is not None and tick <= now and len(followed) < 50:
        followed.append(tick)
        tick = cron.following(tick)
    assert followed == seen[:50]


@settings(max_examples=60, deadline=None)
@given(
    expression=st.sampled_from(CRONS),
    zone=st.sampled_from(ZONES),
    day=st.dates(*(year.date() for year in YEARS)),
)
def test_a_day_without_a_change_of_clocks_has_the_ticks_that_cronsim_says(
    expression: str, zone: str, day: date
) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    offsets = {(start + timedelta(hours=hours)).utcoffset() for hours in range(-26, 51)}
    if len(offsets) > 1:
        return
    expected, library = [], CronSim(expression, start - timedelta(seconds=1))
    while (tick := next(library).astimezone(UTC)) < start.astimezone(UTC) + timedelta(days=1):
        expected.append(tick)
    assert Cron(expression, zone).on(start.date()) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "problem"),
    [
        ("* * * *", "UTC", "4 fields, not 5"),
        ("0 * * * * *", "UTC", "6 fields"),
        ("61 * * * *", "UTC", "Bad minute"),
        ("0 0 31 2 *", "UTC", "Bad day-of-month"),
        ("0 6 * * *", "Europe/Wien", "'Europe/Wien' is no time zone"),
        ("0 6 * * *", "", "'' is no time zone"),
        ("0 6 * * *", "../etc", "is no time zone"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(expression: str, zone: str, problem: str) -> None:
    with pytest.raises(CronRefused, match=problem):
        Cron(expression, zone)


def test_rare_days_are_found() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert Cron("0 0 29 2 *", "UTC").following(now) == datetime(2028, 2, 29, tzinfo=UTC)
    assert Cron("0 0 29 2 *", "UTC").following(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


def test_only_the_newest_ticks_are_looked_for() -> None:
    now = datetime(2026, 11, 22, 9, 7, tzinfo=UTC)
    cron = Cron("*/15 * * * *", "UTC")
    ticks = cron.between(now - timedelta(days=400), now, most=3)
    assert [f"{tick:%H:%M}" for tick in ticks] == ["08:30", "08:45", "09:00"]
    assert cron.between(now - timedelta(minutes=6), now, most=3) == []
