"""What a file gives: rows, and rows that are none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from helpdesk.errors import Invalid

LONGEST_TEXT = 200_000
_SURROGATES = range(0xD800, 0xE000)


class RowRefused(Invalid):
    """A row cannot be imported."""

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class UnreadableInput(Invalid):
    """The input cannot be read at all."""


@dataclass(frozen=True)
class Row:
    """One row of the input.

    Attributes:
        line: where it begins in its file, from 1.
        values: what it says, by column.
        position: how far the input is read with it, on the scale of `Reading.total`.
        file: its file, where the input is a folder.
    """

    line: int
    values: dict[str, Any]
    position: int = 0
    file: str | None = None


@dataclass(frozen=True)
class RowError:
    """Why a row was not imported."""

    line: int
    sentence: str
    field: str | None = None
    external_id: str | None = None
    file: str | None = None
    position: int = 0


@dataclass(frozen=True)
class Reading:
    """An input being read.

    Attributes:
        total: the position at its end: the bytes of a file, or the files of a folder.
    """

    rows: Iterator[Row | RowError]
    total: int


def refuse_unstorable(values: dict[str, Any]) -> None:
    """Let a row pass whose every value a database can hold.

    Raises:
        RowRefused: a NUL character, half a character or a number without a value, with the column it is in.
    """
    for column, value in values.items():
        if reason := _unstorable(column) or _unstorable(value):
            raise RowRefused(f"The column {_printable(column)} {reason}.", field=_printable(column))


def _unstorable(value: Any) -> str | None:
    match value:
        case str():
            return _unstorable_text(value)
        case float() if not math.isfinite(value):
            return "holds a number that is none"
        case dict():
            inner: Iterator[Any] = iter([*value.keys(), *value.values()])
        case list():
            inner = iter(value)
        case _:
            return None
    return next((reason for reason in map(_unstorable, inner) if reason), None)


def _unstorable_text(text: str) -> str | None:
    if "\0" in text:
        return "holds a NUL character, which no database text can"
    if text.isascii() or not any(ord(character) in _SURROGATES for character in text):
        return None
    return "is not text in UTF-8"


def _printable(column: str) -> str:
    return column.encode("utf-8", "replace").decode().replace("\0", "?")
