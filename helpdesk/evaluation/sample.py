"""Cases that were scored, column by column: what figures are taken from, and kept so that runs can be compared."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Columns: TypeAlias = Mapping[str, NDArray[Any]]

# With fewer cases a figure would say nothing.
LEAST_CASES = 20
_KEY_CHARS = 16


@dataclass(frozen=True)
class Sample:
    """The cases of one part and field, in any order.

    Attributes:
        part: triage, suggestions, drafts or prediction.
        field: what of it, such as `category`.
        measures: the names of what is taken from it, see `measure.MEASURES`.
        keys: a hash of what each case is about, so that the same case is known again in another run.
        columns: one value a case; numbers, or texts such as labels.
        groups: cases of the same group, such as moments of one clock, are not independent; empty where all are.
        what: what the cases are, for the row that says that there are too few.
        least: how many are needed, of groups where there are any.
    """

    part: str
    field: str
    measures: tuple[str, ...]
    keys: Sequence[str]
    columns: Mapping[str, Sequence[Any]]
    groups: Sequence[str] = ()
    what: str = "cases"
    least: int = LEAST_CASES

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        lengths = {len(self.keys), *(len(column) for column in self.columns.values())}
        if self.groups:
            lengths.add(len(self.groups))
        if len(lengths) > 1:
            raise ValueError(f"Columns of {self.part} {self.field} differ in length: {sorted(lengths)}.")

    @property
    def name(self) -> str:
        """Return how it is named in one word."""
        return f"{self.part}.{self.field}"

    @property
    def cases(self) -> int:
        """Return how many independent cases there are."""
        return len(self.members)

    @cached_property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the columns as arrays; texts as numbers, equal where the texts are: text is compared slowly."""
        texts = {value for column in self.columns.values() for value in column if isinstance(value, str)}
        numbers = {words: number for number, words in enumerate(sorted(texts))}
        return {
            name: np.array([_number(value, numbers) for value in column], dtype=np.float64)
            for name, column in self.columns.items()
        }

    @cached_property
    def members(self) -> list[NDArray[np.int64]]:
        """Return the rows of each independent case."""
        if not self.groups:
            return list(np.arange(len(self.keys)).reshape(-1, 1))
        places: dict[str, list[int]] = {}
        for place, group in enumerate(self.groups):
            places.setdefault(group, []).append(place)
        return [np.array(rows) for rows in places.values()]

    def at(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the columns of some rows."""
        return {name: column[rows] for name, column in self.arrays.items()}

    def drawn(self, cases: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return the columns of independent cases, by number; one may come several times."""
        if not self.groups:
            return self.at(cases)
        return self.at(np.concatenate([self.members[case] for case in cases.tolist()]))

    def only(self, keys: Sequence[str]) -> Sample:
        """Return the cases with these keys, in this order."""
        place = {key: number for number, key in enumerate(self.keys)}
        rows = [place[key] for key in keys]
        return Sample(
            part=self.part,
            field=self.field,
            measures=self.measures,
            keys=list(keys),
            columns={name: [column[row] for row in rows] for name, column in self.columns.items()},
            groups=[self.groups[row] for row in rows] if self.groups else (),
            what=self.what,
            least=self.least,
        )


@dataclass
class Gathering:
    """A sample in the making."""

    part: str
    field: str
    measures: tuple[str, ...]
    what: str
    least: int = LEAST_CASES
    keys: list[str] = made(default_factory=list)
    groups: list[str] = made(default_factory=list)
    columns: dict[str, list[Any]] = made(default_factory=dict)
    _times: Counter[str] = made(default_factory=Counter)

    def add(self, about: object, *, group: object = None, **values: Any) -> None:
        """Add a case; cases about the same thing are told apart by how often it came."""
        key = key_of(about)
        again = self._times[key]
        self._times[key] += 1
        self.keys.append(f"{key}-{again}" if again else key)
        if group is not None:
            self.groups.append(key_of(group))
        for name, value in values.items():
            self.columns.setdefault(name, []).append(value)

    def sample(self) -> Sample:
        """Return what was gathered."""
        return Sample(self.part, self.field, self.measures, self.keys, self.columns, self.groups, self.what, self.least)


def key_of(about: object) -> str:
    """Return a hash that tells nothing of what it stands for."""
    return hashlib.sha256(str(about).encode(errors="replace")).hexdigest()[:_KEY_CHARS]


def _number(value: Any, numbers: Mapping[str, int]) -> float:
    if value is None:
        return np.nan
    return float(numbers[value] if isinstance(value, str) else value)
