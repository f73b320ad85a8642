from datetime import UTC, date, datetime, timedelta

import pytest

from helpdesk.queue.catalog import SlaReport
from helpdesk.reports.weeks import Week, last_week

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("now", "zone", "monday"),
    [
        (datetime(2026, 3, 9, 0, 0, tzinfo=UTC), "UTC", MONDAY),
        (datetime(2026, 3, 8, 23, 59, tzinfo=UTC), "UTC", date(2026, 2, 23)),
        (datetime(2026, 3, 8, 10, 0, tzinfo=UTC), "Pacific/Kiritimati", MONDAY),
        (datetime(2026, 3, 9, 6, 59, tzinfo=UTC), "America/Los_Angeles", date(2026, 2, 23)),
        (datetime(2027, 1, 4, 12, 0, tzinfo=UTC), "UTC", date(2026, 12, 28)),
    ],
)
def test_the_last_week_is_the_one_that_is_over_where_the_organisation_is(
    now: datetime, zone: str, monday: date
) -> None:
    assert last_week(now, zone=zone) == Week(monday, zone)


def test_a_week_in_which_the_clocks_change_is_an_hour_shorter_or_longer() -> None:
    hours = [
        (week.ends - week.starts) / timedelta(hours=1)
        for week in (Week(monday, "Europe/Vienna") for monday in (date(2026, 3, 23), MONDAY, date(2026, 10, 19)))
    ]
    assert hours == [167, 168, 169]
    # Where it is changed at midnight, that midnight does not exist: the day begins an hour later.
    assert Week(date(2026, 4, 20), "Africa/Cairo").ends - Week(date(2026, 4, 20), "Africa/Cairo").starts == timedelta(
        hours=167
    )


def test_a_week_has_its_name_by_iso_8601() -> None:
    assert [Week(day, "UTC").name for day in (MONDAY, date(2026, 12, 28), date(2024, 12, 30))] == [
        *("2026-W10", "2026-W53", "2025-W01"),
    ]


@pytest.mark.parametrize(
    ("tick", "monday"),
    [
        (datetime(2026, 3, 9, 5, 0, tzinfo=UTC), MONDAY),
        (datetime(2026, 3, 8, 10, 0, tzinfo=UTC), MONDAY),
        (datetime(2026, 3, 8, 9, 59, tzinfo=UTC), date(2026, 2, 23)),
        (datetime(2026, 3, 15, 9, 0, tzinfo=UTC), MONDAY),
    ],
)
def test_a_tick_asks_for_the_week_that_is_over_somewhere(tick: datetime, monday: date) -> None:
    assert SlaReport.for_tick(tick, {}).week_start == monday
    assert SlaReport.for_tick(tick, {"week_start": "2026-01-05"}).week_start == date(2026, 1, 5)
