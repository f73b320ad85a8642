import csv
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest

from helpdesk.spreadsheets import Cell, csv_bytes, safe


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1", "\uff0d1", "=cmd|' /C calc'!A0"]
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        (-5, -5),
        (0.5, 0.5),
        ("a = b", "a = b"),
        ("", ""),
        (None, ""),
        (True, "yes"),
        (datetime(2026, 3, 3, 10, tzinfo=timezone(timedelta(hours=1))), "2026-03-03T09:00:00Z"),
        (datetime(2026, 3, 3, 9, 0, 0, 5, tzinfo=UTC), "2026-03-03T09:00:00.000005Z"),
    ],
)
def test_everything_else_is_written_as_it_is(cell: Cell, written: str | float) -> None:
    assert safe(cell) == written


def test_rows_read_back_as_they_were() -> None:
    rows = [["a,b", 'say "x"', "two\nlines"], ["Müller", "二", ""]]
    data = csv_bytes(rows)
    assert data.endswith(b"\r\n")
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == rows
