"""The stretches of time that figures are taken of: quarters of an hour, and days where the organisation is.

Every zone in use is whole quarters off UTC, so a day is made of whole quarters: 96 of them, 92 or 100 on the two days
on which clocks are set by an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from helpdesk.errors import Invalid

QUARTER = timedelta(minutes=15)
_DAY = timedelta(days=1)
_HOUR_S = 3600.0
# How long after its end a day is taken once more, for what was recorded late.
_SETTLED_AFTER = timedelta(hours=1)


class Granularity(StrEnum):
    """How long a bucket is."""

    QUARTER = "15m"
    DAY = "1d"


class NotABucket(Invalid):
    """A bucket starts on a quarter of an hour, and has begun."""


@dataclass(frozen=True)
class Bucket:
    """A stretch of time, half open, in UTC."""

    granularity: Granularity
    starts: datetime
    ends: datetime


def quarter_from(starts: datetime) -> Bucket:
    """Return the quarter of an hour that starts at a time.

    Raises:
        NotABucket: none does.
    """
    if starts.timestamp() % QUARTER.total_seconds() != 0:
        raise NotABucket(f"No bucket starts at {starts.isoformat()}.")
    begins = starts.astimezone(UTC)
    return Bucket(Granularity.QUARTER, begins, begins + QUARTER)


def quarter_floor(moment: datetime) -> datetime:
    """Return the start (UTC) of the quarter that a time is in."""
    seconds = QUARTER.total_seconds()
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def day_of(moment: datetime, zone: str) -> Bucket:
    """Return the day that a time is in, where the zone (IANA) is."""
    return day_bucket(moment.astimezone(ZoneInfo(zone)).date(), zone)


def day_bucket(day: date, zone: str) -> Bucket:
    """Return a calendar day of a zone; 23 or 25 hours long where clocks are set on it."""
    return Bucket(Granularity.DAY, _midnight(day, zone), _midnight(day + _DAY, zone))


def days_within(since: datetime, until: datetime, zone: str) -> list[Bucket]:
    """Return the days of a zone that [since, until) touches, the earliest first."""
    found = []
    bucket = day_of(since, zone)
    while bucket.starts < until:
        found.append(bucket)
        bucket = day_of(bucket.ends, zone)
    return found


def quarters_within(since: datetime, until: datetime) -> Iterator[Bucket]:
    """Yield the quarters that start in [since, until)."""
    starts = quarter_floor(since)
    if starts < since:
        starts += QUARTER
    while starts < until:
        yield quarter_from(starts)
        starts += QUARTER


def buckets_at(tick: datetime, zone: str) -> list[Bucket]:
    """Return what is taken when a quarter has ended at `tick`.

    The quarter, and the one before it once more for what was recorded late; the day so far on each full hour, the
    whole day as it ends, and once more an hour later.
    """
    ended = quarter_from(tick - QUARTER)
    found = [quarter_from(ended.starts - QUARTER), ended]
    today = day_of(ended.starts, zone)
    if today.ends == tick or tick.timestamp() % _HOUR_S == 0:
        found.append(today)
    if today.starts + _SETTLED_AFTER == tick:
        found.append(day_of(today.starts - QUARTER, zone))
    return found


def _midnight(day: date, zone: str) -> datetime:
    """Return a day's first instant; where clocks go forward over midnight, that is when they do."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
