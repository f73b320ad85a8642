"""From a table to the numbers that trees read, and back to the column a number came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from helpdesk.sla.prediction.estimating.history import History, departures_of, learn_history
from helpdesk.sla.prediction.estimating.table import Floats, Lesson, Names, Table

# A category of up to so many values is split by value; one of more than the few, by its history (too).
MOST_NATIVE = 100
FEW = 12


@dataclass(frozen=True)
class Encoder:
    """How each column is read.

    Attributes:
        numbers: columns taken as they are.
        codes: of each column that is split by value, the code of each value.
        histories: of each column of many values, how its values went.
    """

    numbers: Sequence[str]
    codes: Mapping[str, Mapping[str, int]]
    histories: Mapping[str, History]

    @property
    def columns(self) -> list[str]:
        """Return which column of the table each number comes from."""
        return [*self.numbers, *self.codes, *(name for name in self.histories for _ in range(2))]

    @property
    def native(self) -> list[int]:
        """Return the places of the codes, which have no order."""
        return list(range(len(self.numbers), len(self.numbers) + len(self.codes)))

    def apply(self, table: Table) -> Floats:
        """Return the numbers of each row, float64 [rows, columns]; NaN for what is not known or was never seen."""
        columns = [_number(table, name) for name in self.numbers]
        columns += [_coded(_category(table, name), codes) for name, codes in self.codes.items()]
        for name, history in self.histories.items():
            columns += history.apply(_category(table, name))
        return np.column_stack(columns) if columns else np.zeros((len(table), 0))

    def write(self) -> dict[str, Any]:
        """Return the encoder as JSON has it."""
        return {
            "numbers": list(self.numbers),
            "codes": {name: dict(codes) for name, codes in self.codes.items()},
            "histories": {
                name: {"sums": dict(history.sums), "counts": dict(history.counts)}
                for name, history in self.histories.items()
            },
        }


def read_encoder(written: Mapping[str, Any]) -> Encoder:
    """Return the encoder that `Encoder.write` wrote."""
    histories = {name: History(each["sums"], each["counts"]) for name, each in written["histories"].items()}
    return Encoder(written["numbers"], written["codes"], histories)


def learn_encoder(lesson: Lesson) -> tuple[Encoder, Floats]:
    """Return the encoder of a lesson, and its rows encoded: histories count what was known at each row's time only."""
    codes: dict[str, dict[str, int]] = {}
    histories: dict[str, History] = {}
    encoded: list[Floats] = []
    departures: Floats | None = None
    # A column in which nothing ever varies tells nothing.
    numbers = [name for name, column in lesson.table.numbers.items() if _varies(column)]
    for name, values in lesson.table.categories.items():
        different = np.unique(values)
        if 1 < len(different) <= MOST_NATIVE:
            codes[name] = {value: code for code, value in enumerate(different.tolist()) if value}
        if len(different) > FEW:
            if departures is None:
                departures = departures_of(lesson.times, lesson.outcomes, lesson.known_at)
            histories[name], rates, seen = learn_history(values, lesson.times, departures, lesson.known_at)
            encoded += [rates, seen]
    columns = [lesson.table.numbers[name] for name in numbers]
    columns += [_coded(lesson.table.categories[name], table) for name, table in codes.items()]
    columns += encoded
    rows = np.column_stack(columns) if columns else np.zeros((len(lesson), 0))
    return Encoder(numbers, codes, histories), rows


def _number(table: Table, name: str) -> Floats:
    """Return a column, all unknown where the table has none of that name."""
    column = table.numbers.get(name)
    return np.full(len(table), np.nan) if column is None else column


def _category(table: Table, name: str) -> Names:
    column = table.categories.get(name)
    return np.full(len(table), "") if column is None else column


def _coded(values: Names, codes: Mapping[str, int]) -> Floats:
    return np.array([codes.get(value, np.nan) for value in values.tolist()], dtype=np.float64)


def _varies(column: Floats) -> bool:
    known = column[~np.isnan(column)]
    return len(known) > 0 and (len(known) < len(column) or bool((known != known[0]).any()))
