"""Read a table of comma-separated values whatever its delimiter, row by row."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from helpdesk.transfer.lines import Line, read_lines
from helpdesk.transfer.rows import LONGEST_TEXT, Row, RowError, UnreadableInput

_DELIMITERS = ",;\t|"
# What the delimiter is guessed from; the sniffer gets slow on long quoted text.
_SAMPLE_LINES = 20
_SAMPLE_CHARS = 8_000
# An unclosed quote is given up after this many characters, and the next line is read as a row again.
_LONGEST_CELL = 10 * LONGEST_TEXT


class _Lines:
    """The lines of a file for a csv reader, which can be given back after a row that was none."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._waiting: deque[Line] = deque()
        self._lines = lines
        self.taken: list[Line] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        return _text(line)

    def give_back(self, lines: list[Line]) -> None:
        self._waiting.extendleft(reversed(lines))

    def peek(self, count: int) -> list[str]:
        """Return the text of the next lines without taking them."""
        while len(self._waiting) < count and (line := next(self._lines, None)) is not None:
            self._waiting.append(line)
        return [_text(line) for line in list(self._waiting)[:count]]


def _text(line: Line) -> str:
    # Bytes that are no UTF-8 become half characters, which the check of the row's values refuses.
    return (line.data or b"").decode("utf-8", "surrogateescape")


def read_csv(path: Path) -> Iterator[Row | RowError]:
    """Yield the rows under the header of a table, and an error for each one that does not fit it.

    Raises:
        UnreadableInput: there is no header.
    """
    csv.field_size_limit(_LONGEST_CELL)
    lines = _Lines(read_lines(path))
    delimiter = _delimiter(lines.peek(_SAMPLE_LINES))
    header: list[str] | None = None
    while True:
        lines.taken = []
        try:
            cells = next(csv.reader(lines, delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            if header is None:
                raise UnreadableInput(f"The header of {path} cannot be read: {error}.") from error
            first, *rest = lines.taken
            lines.give_back(rest)
            yield RowError(first.number, _sentence(error, first), position=first.position)
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells, path)
        else:
            yield _row(header, cells, lines.taken)


def _delimiter(sample: list[str]) -> str:
    text = "".join(sample)[:_SAMPLE_CHARS]
    header = sample[0] if sample else ""
    try:
        found = csv.Sniffer().sniff(text, _DELIMITERS).delimiter
    except csv.Error:
        found = ""
    # Prose is full of commas: the header knows better than the sniffer.
    return found if found and found in header else max(_DELIMITERS, key=header.count)


def _header(cells: list[str], path: Path) -> list[str]:
    names = [cell.strip() for cell in cells]
    if any(not name.isprintable() for name in names):
        raise UnreadableInput(f"The header of {path} is not text in UTF-8.")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableInput(f"The header of {path} has the column {twice!r} twice.")
    return names


def _row(header: list[str], cells: list[str], taken: list[Line]) -> Row | RowError:
    first, last = taken[0], taken[-1]
    if any(line.data is None for line in taken):
        return RowError(first.number, "The row has a line that is too long.", position=last.position)
    if len(cells) != len(header):
        sentence = f"The row has {len(cells)} cells where the header has {len(header)}."
        return RowError(first.number, sentence, position=last.position)
    values = {name: cell for name, cell in zip(header, cells, strict=True) if name}
    return Row(first.number, values, position=last.position)


def _sentence(error: csv.Error, first: Line) -> str:
    said = str(error)
    if "unexpected end" in said or "field larger" in said:
        return f"A quote that opens on line {first.number} is never closed."
    return f"The row is not CSV: {said}."
