"""Read labelled texts from files: CSV, gzipped CSV, or one JSON object a line."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A field longer than this is a file read wrongly.
_MOST_CHARS = 10_000_000


class Refused(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Labelled:
    """A text and its label."""

    text: str
    label: str


def read_labelled(path: Path, *, text: str, label: str, where: tuple[str, str] | None = None) -> list[Labelled]:
    """Return the rows of a file that have a text and a label; raise Refused.

    Args:
        text: the column of the texts.
        label: the column of the labels.
        where: a column and the value it must have.
    """
    if not path.is_file():
        raise Refused(f"There is no file {path}.")
    try:
        rows = list(_rows(path))
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError, EOFError, zlib.error) as error:
        raise Refused(f"{path} cannot be read: {error}.") from error
    if not rows:
        raise Refused(f"{path} has no rows.")
    for column in (text, label, *(where[:1] if where else ())):
        if column not in rows[0]:
            raise Refused(f"{path} has no column {column!r}; it has {', '.join(map(repr, rows[0]))}.")
    chosen = [row for row in rows if where is None or _said(row.get(where[0])) == where[1]]
    found = [
        Labelled(_said(row.get(text)), name)
        for row in chosen
        if (name := _said(row.get(label))) and _said(row.get(text))
    ]
    if not found:
        raise Refused(f"{path} has no row with a text and a label.")
    return found


def _said(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        if path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson")):
            for number, line in enumerate(file, 1):
                if line.strip():
                    value = json.loads(line)
                    if not isinstance(value, dict):
                        raise Refused(f"Line {number} of {path} is no JSON object.")
                    yield value
        else:
            csv.field_size_limit(_MOST_CHARS)
            separator = "\t" if path.name.removesuffix(".gz").endswith(".tsv") else ","
            yield from csv.DictReader(file, delimiter=separator)
