"""Rows to learn from or to judge: columns of numbers and of categories, of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Attributes:
        numbers: NaN where nothing is known.
        categories: the empty string where nothing is known.
    """

    numbers: Mapping[str, Floats]
    categories: Mapping[str, Names]

    def __len__(self) -> int:
        columns = [*self.numbers.values(), *self.categories.values()]
        return len(columns[0]) if columns else 0

    def rows(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Table:
        """Return some of the rows, by number or by mask."""
        return Table(
            {name: column[which] for name, column in self.numbers.items()},
            {name: column[which] for name, column in self.categories.items()},
        )


@dataclass(frozen=True)
class Lesson:
    """Rows whose outcome is known.

    Attributes:
        times: when each row was as it is, in days from any one moment.
        outcomes: 1 where it came true, 0 where not.
        known_at: when the outcome was known, in the same days; none is known before its row's time.
    """

    table: Table
    times: Floats
    outcomes: Floats
    known_at: Floats

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> Lesson:
        """Return some of the rows, by number or by mask."""
        return Lesson(self.table.rows(which), self.times[which], self.outcomes[which], self.known_at[which])

    def by_time(self) -> Lesson:
        """Return the rows in the order of their times."""
        return self.rows(np.argsort(self.times, kind="stable"))


def lesson_of(table: Table, times: Floats, outcomes: Floats, known_at: Floats | None = None) -> Lesson:
    """Put rows with their outcomes together, in the order of time.

    Args:
        known_at: where it is not given, an outcome is taken to be known to every later row.

    Raises:
        ValueError: the lengths differ, a time is missing, or an outcome is neither 0 nor 1.
    """
    known = times if known_at is None else np.maximum(known_at, times)
    lengths = {len(table), len(times), len(outcomes), len(known)}
    if len(lengths) != 1:
        raise ValueError(f"Columns of unequal length: {sorted(lengths)}.")
    if not (np.isfinite(times).all() and np.isfinite(known).all()):
        raise ValueError("Each row needs its time.")
    if not np.isin(outcomes, (0.0, 1.0)).all():
        raise ValueError("An outcome is 0 or 1.")
    return Lesson(table, times, outcomes, known).by_time()
