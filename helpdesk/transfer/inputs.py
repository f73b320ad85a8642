"""Open an input by what it is: JSON lines, a table or a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from helpdesk.transfer.article_files import read_folder
from helpdesk.transfer.csv_rows import read_csv
from helpdesk.transfer.jsonl import read_jsonl
from helpdesk.transfer.rows import Reading, UnreadableInput


class InputFormat(StrEnum):
    """How the rows of a file are written."""

    JSONL = "jsonl"
    CSV = "csv"


_SUFFIXES = {
    ".jsonl": InputFormat.JSONL,
    ".ndjson": InputFormat.JSONL,
    ".json": InputFormat.JSONL,
    ".csv": InputFormat.CSV,
    ".tsv": InputFormat.CSV,
}


def open_input(path: Path, *, form: InputFormat | None = None) -> Reading:
    """Return the rows of a file, or of the articles in a folder.

    Args:
        form: how the file is written; by default its suffix tells.

    Raises:
        UnreadableInput: the suffix tells nothing.
    """
    if path.is_dir():
        return read_folder(path)
    form = form or _SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UnreadableInput(f"The name {path.name} does not tell how it is written; add --format jsonl or csv.")
    rows = read_jsonl(path) if form is InputFormat.JSONL else read_csv(path)
    return Reading(rows, total=path.stat().st_size)
