from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.metrics.buckets import (
    QUARTER,
    Granularity,
    NotABucket,
    buckets_at,
    day_bucket,
    day_of,
    days_within,
    quarter_floor,
    quarter_from,
    quarters_within,
)

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Cairo",
)
# From 2020 to 2030.
moments = st.integers(1_577_836_800, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "zone", "starts", "hours"),
    [
        (date(2026, 3, 29), "Europe/Berlin", utc(2026, 3, 28, 23), 23),
        (date(2026, 10, 25), "Europe/Berlin", utc(2026, 10, 24, 22), 25),
        (date(2026, 3, 3), "Europe/Berlin", utc(2026, 3, 2, 23), 24),
        (date(2026, 3, 3), "Asia/Kolkata", utc(2026, 3, 2, 18, 30), 24),
        (date(2026, 3, 3), "Asia/Kathmandu", utc(2026, 3, 2, 18, 15), 24),
        (date(2026, 10, 4), "Australia/Lord_Howe", utc(2026, 10, 3, 13, 30), 23.5),
        # Clocks go forward at midnight: the day begins at one.
        (date(2026, 4, 24), "Africa/Cairo", utc(2026, 4, 23, 22), 23),
    ],
)
def test_a_day_is_as_long_as_it_is_where_the_organisation_is(
    day: date, zone: str, starts: datetime, hours: float
) -> None:
    bucket = day_bucket(day, zone)
    assert (bucket.starts, bucket.ends - bucket.starts) == (starts, timedelta(hours=hours))


@given(moment=moments, zone=st.sampled_from(ZONES))
def test_days_are_whole_quarters_without_gap_or_overlap(moment: datetime, zone: str) -> None:
    day = day_of(moment, zone)
    assert day.starts <= moment < day.ends
    quarters = list(quarters_within(day.starts, day.ends))
    assert (quarters[0].starts, quarters[-1].ends) == (day.starts, day.ends)
    assert len(quarters) * QUARTER == day.ends - day.starts
    following = day_of(day.ends, zone)
    assert following.starts == day.ends
    assert days_within(day.starts, following.ends, zone) == [day, following]


@given(tick=moments.map(quarter_floor), zone=st.sampled_from(ZONES))
def test_every_day_is_taken_as_it_ends_and_once_more_an_hour_later(tick: datetime, zone: str) -> None:
    day = day_of(tick, zone)
    assert day in buckets_at(day.ends, zone)
    assert day in buckets_at(day.ends + timedelta(hours=1), zone)
    taken = buckets_at(tick, zone)
    assert [bucket.ends for bucket in taken if bucket.granularity is Granularity.QUARTER] == [tick - QUARTER, tick]
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize(
    ("tick", "days"),
    [
        (utc(2026, 3, 3, 9, 15), []),
        (utc(2026, 3, 3, 10, 0), [date(2026, 3, 3)]),
        (utc(2026, 3, 3, 18, 30), [date(2026, 3, 3)]),
        (utc(2026, 3, 3, 19, 30), [date(2026, 3, 3)]),
        (utc(2026, 3, 3, 20, 0), [date(2026, 3, 4)]),
    ],
)
def test_a_day_of_a_zone_with_half_an_hour_ends_at_half_past(tick: datetime, days: list[date]) -> None:
    taken = [bucket for bucket in buckets_at(tick, "Asia/Kolkata") if bucket.granularity is Granularity.DAY]
    assert taken == [day_bucket(day, "Asia/Kolkata") for day in days]


def test_a_bucket_starts_on_a_quarter_of_an_hour() -> None:
    assert quarter_from(utc(2026, 3, 3, 10, 45)).ends == utc(2026, 3, 3, 11)
    with pytest.raises(NotABucket):
        quarter_from(utc(2026, 3, 3, 10, 50))
