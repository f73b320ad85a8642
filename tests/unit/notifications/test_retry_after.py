from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from helpdesk.notifications.webhooks.retry_after import LONGEST, retry_after

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 30 ", 30),
        ("86400", 86400),
        ("86401", 86400),
        ("9" * 40, 86400),
        ("Tue, 03 Mar 2026 09:05:00 GMT", 300),
        ("Tue, 03 Mar 2026 09:05:00", 300),
        ("Tuesday, 03-Mar-26 09:05:00 GMT", 300),
        ("Tue Mar  3 09:05:00 2026", 300),
        ("Tue, 03 Mar 2026 08:00:00 GMT", 0),
        ("Wed, 03 Mar 2100 09:00:00 GMT", 86400),
    ],
)
def test_seconds_and_dates_are_understood_and_a_day_is_the_most(value: str, seconds: int) -> None:
    assert retry_after(value, now=NOW) == timedelta(seconds=seconds)
    assert retry_after(value, now=NOW) <= LONGEST  # type: ignore[operator]


@pytest.mark.parametrize(
    "value", [None, "", "soon", "-1", "1.5", "1e3", "٣", "9" * 41, "Tue, 99 Mar 2026 09:00:00 GMT"]
)
def test_what_is_neither_is_passed_over(value: str | None) -> None:
    assert retry_after(value, now=NOW) is None
