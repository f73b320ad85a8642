"""How the commands about jobs write: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from helpdesk.database.base import Base

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# Wide enough that nothing is cut: what reads a pipe has no edge.
_NO_EDGE = 100_000
_GAP = 2
_NARROWEST = 4
_COLOURS = {
    "dead_letter": "red",
    "dead_lettered": "red",
    "gone": "red",
    "paused": "yellow",
    "late": "yellow",
    "retried": "yellow",
    "rescued": "yellow",
    "running": "green",
    "alive": "green",
    "started": "green",
    "completed": "dim",
    "cancelled": "dim",
}


def console() -> Console:
    """Return a console: as wide as the terminal, or without edge and colour where there is none."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, no_color=True, width=_NO_EDGE, force_terminal=False)


def print_table(
    rows: Iterable[Sequence[object]], *columns: str, whole: Sequence[str] = (), on: Console | None = None
) -> None:
    """Print rows under column names; where it is narrow, cells are cut short with an ellipsis.

    Args:
        whole: columns that are never cut, such as ids that one copies.
    """
    shown = on or console()
    cells = [[_cell(value) for value in row] for row in rows]
    natural = [max([len(name), *(row[place].cell_len for row in cells)]) for place, name in enumerate(columns)]
    widths = _fitted(natural, [name in whole for name in columns], within=shown.width - _GAP * (len(columns) - 1))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        table.add_row(*row)
    # Where not even the whole columns fit, the terminal may break the line: an id cut short is worth nothing.
    shown.print(table, crop=False, width=max(shown.width, sum(widths) + _GAP * len(columns)))


def _fitted(widths: Sequence[int], whole: Sequence[bool], *, within: int) -> list[int]:
    """Return widths that fit, the widest of the columns that may be cut made narrower first."""
    fitted = list(widths)
    while sum(fitted) > within:
        open_ = [place for place, kept in enumerate(whole) if not kept and fitted[place] > _NARROWEST]
        if not open_:
            break
        widest = max(open_, key=lambda place: fitted[place])
        fitted[widest] -= 1
    return fitted


def print_fields(values: dict[str, object]) -> None:
    """Print names and values, one a line, leaving out what is not there."""
    present = {name: value for name, value in values.items() if value not in (None, "", {}, [])}
    width = max((len(name) for name in present), default=0)
    for name, value in present.items():
        print(f"{name:<{width}}  {_word(value)}")


def print_json(value: Any) -> None:
    """Print a value of ours as JSON."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """Return a row, value object or collection of them as JSON values."""
    if isinstance(value, Base):
        return {column.key: plain(getattr(value, column.key)) for column in value.__table__.columns}
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, or in how long it will be, such as `3 m` and `in 2 h`."""
    if moment is None:
        return ""
    seconds = (now - moment).total_seconds()
    return f"in {span(-seconds)}" if seconds < 0 else span(seconds)


def span(seconds: float | None) -> str:
    """Return a length of time in its two largest fitting units' larger one, such as `12 s`, `3 m`, `2 h` or `5 d`."""
    if seconds is None:
        return ""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size * 2:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def first_line(text: str | None, longest: int = 200) -> str:
    """Return the first line of a text, shortened."""
    lines = (text or "").strip().splitlines()
    return lines[0][:longest] if lines else ""


def _cell(value: object) -> Text:
    word = _word(value)
    return Text(word, style=_COLOURS.get(word, ""))


def _word(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case float():
            return f"{value:g}"
        case dict() | list():
            return json.dumps(plain(value), ensure_ascii=False)
        case _:
            return str(value)
