from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from helpdesk.cli.ai.finding import moment, run_id


@pytest.mark.parametrize(
    ("said", "ago"), [("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("1w", timedelta(7))]
)
def test_a_time_may_be_said_as_how_long_ago(said: str, ago: timedelta) -> None:
    read = moment(said)
    assert read is not None
    assert abs(datetime.now(UTC) - ago - read) < timedelta(minutes=5)


def test_a_time_without_an_offset_is_utc() -> None:
    assert moment("2026-03-03T10:30:00") == datetime(2026, 3, 3, 10, 30, tzinfo=UTC)
    assert moment("2026-03-03T10:30:00+01:00") == datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
    assert moment(None) is None


@pytest.mark.parametrize("said", ["yesterday", "7y", "d", ""])
def test_what_is_no_time_is_wrong_use(said: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(said)
    with pytest.raises(typer.BadParameter):
        run_id(said)


def test_an_age_beyond_the_calendar_is_wrong_use_rather_than_a_crash() -> None:
    with pytest.raises(typer.BadParameter):
        moment("999999999w")
