"""Read a file line by line as bytes, so that one broken line is one broken row."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpdesk.transfer.rows import UnreadableInput

# More than any row needs, and little enough to hold in memory.
LONGEST_LINE = 16 * 1024 * 1024
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Line:
    """A line of a file.

    Attributes:
        number: from 1.
        data: its bytes with their line end; None for a line that is too long to read.
        position: bytes of the file up to its end.
    """

    number: int
    data: bytes | None
    position: int


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a file without its byte order mark.

    Raises:
        UnreadableInput: the file is written in UTF-16.
    """
    number = position = 0
    with path.open("rb") as file:
        while data := file.readline(LONGEST_LINE):
            number += 1
            position += len(data)
            if number == 1:
                data = _without_mark(data, path)
            too_long = len(data) == LONGEST_LINE and not data.endswith(b"\n")
            while too_long and (rest := file.readline(LONGEST_LINE)):
                position += len(rest)
                if rest.endswith(b"\n"):
                    break
            yield Line(number, None if too_long else data, position)


def _without_mark(data: bytes, path: Path) -> bytes:
    if data.startswith(_OTHER_ENCODINGS):
        raise UnreadableInput(f"{path} is written in UTF-16; save it as UTF-8.")
    return data.removeprefix(codecs.BOM_UTF8)
