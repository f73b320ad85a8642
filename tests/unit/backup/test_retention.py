"""Which backups stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from helpdesk.backup.retention import survivors

# A Sunday.
NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


def kept(*ages_in_days: int, newest: int, weeks: int) -> list[int]:
    made = [(NOW - timedelta(days=age), age) for age in ages_in_days]
    return survivors(made, newest=newest, weeks=weeks, now=NOW)


def test_the_newest_stay_whatever_their_age() -> None:
    assert kept(400, 500, 600, newest=2, weeks=0) == [400, 500]


def test_of_each_week_the_last_one_stays() -> None:
    # Sundays 0, 7, 14, 21 days ago end their weeks.
    assert kept(*range(40), newest=3, weeks=4) == [0, 1, 2, 7, 14, 21]


def test_a_week_without_one_is_not_made_up_for() -> None:
    assert kept(0, 1, 8, 9, 28, newest=1, weeks=4) == [0, 8]


@pytest.mark.parametrize("weeks", [0, 4])
def test_where_there_is_none_none_stays(weeks: int) -> None:
    assert kept(newest=7, weeks=weeks) == []


def test_once_a_day_seven_and_four_weeks_settle_at_ten() -> None:
    """Every day one more is made and the others are thinned out, as the schedule does."""
    days: list[int] = []
    for day in range(100):
        today = NOW + timedelta(days=day)
        made = [(NOW + timedelta(days=made_on), made_on) for made_on in sorted([*days, day], reverse=True)]
        days = survivors(made, newest=7, weeks=4, now=today)
    assert len(days) in {9, 10}
    assert max(99 - made_on for made_on in days) < 28
