"""Rows of a CSV file as a table to learn from; columns that were not known at the time of the row are left out."""

from __future__ import annotations

import csv
import fnmatch
import gzip
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import numpy as np

from helpdesk.sla.prediction.estimating.table import Floats, Table

_YES = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_NO = frozenset({"0", "0.0", "false", "f", "no", "n"})
_TIMES = ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M")
_MISSING = frozenset({"", "?", "NA", "N/A", "NaN", "nan", "null", "None"})
_DAY_S = 86400.0
# A column in which nearly every row has a value of its own names the row.
_NAMES_THE_ROW = 0.95


class Refused(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Rows:
    """A file as it was read.

    Attributes:
        columns: the values by column, all of one length; what is missing is the empty string.
    """

    path: str
    columns: Mapping[str, Sequence[str]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def some(self, which: Sequence[int]) -> Rows:
        """Return some of the rows."""
        return Rows(self.path, {name: [values[row] for row in which] for name, values in self.columns.items()})


@dataclass
class Reading:
    """Which columns are read as what, and which are not and why."""

    numbers: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def read_rows(path: Path) -> Rows:
    """Read a CSV file with a header, gzipped or not.

    Raises:
        Refused: it cannot be read, or its rows do not fit its header.
    """
    try:
        with _opened(path) as file:
            lines = csv.reader(file)
            header = next(lines, [])
            table = [line for line in lines if line]
    except (OSError, UnicodeDecodeError, EOFError, csv.Error) as error:
        raise Refused(f"{path}: {error}") from error
    if len(header) != len(set(header)) or not header:
        raise Refused(f"{path}: the first line has to name each column once.")
    for number, line in enumerate(table, start=2):
        if len(line) != len(header):
            raise Refused(f"{path}: row {number} has {len(line)} values for {len(header)} columns.")
    if not table:
        raise Refused(f"{path}: no rows.")
    columns = {
        name: ["" if (value := line[place].strip()) in _MISSING else value for line in table]
        for place, name in enumerate(header)
    }
    return Rows(str(path), columns)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def labels_of(rows: Rows, column: str) -> Floats:
    """Return the labels as 0 and 1.

    Raises:
        Refused: there is no such column, or a value is no yes or no.
    """
    found = []
    for number, value in enumerate(_column(rows, column), start=2):
        if value.lower() not in _YES | _NO:
            raise Refused(f"{rows.path}: row {number}: {column} is {value!r}, neither yes nor no.")
        found.append(float(value.lower() in _YES))
    return np.array(found)


def times_of(rows: Rows, column: str) -> Floats:
    """Return the times in days since 1970.

    Raises:
        Refused: there is no such column, or a value is no time.
    """
    values = _column(rows, column)
    found = _as_times(values)
    missing = np.flatnonzero(np.isnan(found))
    if len(missing):
        raise Refused(f"{rows.path}: row {missing[0] + 2}: {column} is {values[missing[0]]!r}, no time.")
    return found


def columns_to_read(rows: Rows, *, label: str, time: str, drop: Sequence[str]) -> Reading:
    """Say what to read each column as, told by the values of the training rows.

    Args:
        drop: shell patterns (`outcome_*`) or regular expressions that match whole names of columns not to be read.

    Raises:
        Refused: a pattern is neither.
    """
    reading = Reading()
    opened = times_of(rows, time)
    for name, values in rows.columns.items():
        known = [value for value in values if value]
        if name in (label, time):
            continue
        if any(_matches(name, pattern) for pattern in drop):
            reading.left_out[name] = "dropped"
        elif len(set(known)) < 2 and len(known) in (0, len(values)):
            reading.left_out[name] = "the same in every row"
        elif _share_of_numbers(known) == 1.0:
            reading.numbers.append(name)
        elif np.isfinite(at := _as_times(known)).mean() > 0.95:
            of_known = opened[[place for place, value in enumerate(values) if value]]
            if float(np.nanmean(at > of_known + 1.0 / 1440)) > 0.05:
                reading.left_out[name] = f"lies after {time}, so it was not known then"
            else:
                reading.times.append(name)
        elif len(set(known)) > _NAMES_THE_ROW * len(known):
            reading.left_out[name] = "names the row"
        else:
            reading.categories.append(name)
    return reading


def table_of(rows: Rows, reading: Reading, *, time: str) -> Table:
    """Return the rows as a table: columns, and the hour, the weekday and the hour of the week of their time."""
    opened = times_of(rows, time)
    numbers = {name: _as_numbers(_optional(rows, name)) for name in reading.numbers}
    numbers |= {f"days since {name}": opened - _as_times(_optional(rows, name)) for name in reading.times}
    # The first day of 1970 was a Thursday.
    week = np.round((opened + 3) % 7 * 24, 6)
    numbers |= {"hour": week % 24, "weekday": week // 24, "hour of the week": week}
    return Table(numbers, {name: np.array(_optional(rows, name), dtype=np.str_) for name in reading.categories})


def _column(rows: Rows, name: str) -> Sequence[str]:
    if name not in rows.columns:
        raise Refused(f"{rows.path}: no column {name}; there are {', '.join(rows.columns)}.")
    return rows.columns[name]


def _optional(rows: Rows, name: str) -> Sequence[str]:
    return rows.columns.get(name) or [""] * len(rows)


def _matches(name: str, pattern: str) -> bool:
    if fnmatch.fnmatchcase(name, pattern):
        return True
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error as error:
        # `*_at` is a shell pattern and no expression.
        if any(sign in pattern for sign in "*?["):
            return False
        raise Refused(f"--drop {pattern}: {error}.") from error


def _share_of_numbers(values: Sequence[str]) -> float:
    return sum(np.isfinite(_as_numbers(values))) / len(values) if values else 0.0


def _as_numbers(values: Sequence[str]) -> Floats:
    found = np.full(len(values), np.nan)
    for place, value in enumerate(values):
        try:
            found[place] = float(value) if value else np.nan
        except ValueError:
            continue
    return found


def _as_times(values: Sequence[str]) -> Floats:
    return np.array([_as_time(value) for value in values], dtype=np.float64)


def _as_time(value: str) -> float:
    # As short as 20160229.
    if len(value) < 8:
        return np.nan
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        read = next(filter(None, (_parsed(value, form) for form in _TIMES)), None)  # type: ignore[assignment]
    if read is None:
        return np.nan
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() / _DAY_S


def _parsed(value: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(value, form)  # noqa: DTZ007 (zones are not given)
    except ValueError:
        return None
