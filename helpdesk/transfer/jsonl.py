"""Read a file that holds one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from helpdesk.transfer.lines import LONGEST_LINE, Line, read_lines
from helpdesk.transfer.rows import Row, RowError, RowRefused


def read_jsonl(path: Path) -> Iterator[Row | RowError]:
    """Yield the objects of a file, and an error for each line that is none; empty lines are passed over."""
    for line in read_lines(path):
        if line.data is not None and not line.data.strip():
            continue
        try:
            yield Row(line.number, _object(line), position=line.position)
        except RowRefused as error:
            yield RowError(line.number, error.detail, position=line.position)


def _object(line: Line) -> dict[str, Any]:
    if line.data is None:
        raise RowRefused(f"The line is longer than {LONGEST_LINE // 1024 // 1024} MB.")
    try:
        value = json.loads(line.data.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise RowRefused(f"The line is not text in UTF-8 at byte {error.start + 1}.") from error
    except json.JSONDecodeError as error:
        raise RowRefused(f"The line is not JSON: {error.msg} at character {error.colno}.") from error
    except RecursionError as error:
        raise RowRefused("The JSON of the line is nested too deeply.") from error
    except ValueError as error:
        raise RowRefused(f"The line is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise RowRefused("The line is not a JSON object.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
