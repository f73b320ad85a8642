"""Write tables that a spreadsheet opens without running what somebody wrote into them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

# What makes a spreadsheet take a cell for a formula, the full-width forms among them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
# Tells a spreadsheet that the file is UTF-8.
BYTE_ORDER_MARK = "\ufeff".encode()

Cell = str | int | float | bool | datetime | None


def csv_bytes(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Return rows as CSV in UTF-8 (RFC 4180), each cell safe to open; without a byte order mark."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def safe(cell: Cell) -> str | int | float:
    """Return a cell as it may be written: an apostrophe before what would be a formula, times in UTC (RFC 3339).

    Numbers are numbers, negative ones too; only text can hide a formula.
    """
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case datetime():
            return rfc3339(cell)
        case str() if cell.lstrip(" ").startswith(_FORMULA):
            return f"'{cell}"
        case _:
            return cell


def rfc3339(moment: datetime) -> str:
    """Return an aware time in UTC, such as `2026-03-03T09:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
