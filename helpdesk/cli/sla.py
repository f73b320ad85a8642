"""`atum-desk sla`: compute service-level clocks, on paper or for every ticket."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from helpdesk.errors import Invalid
from helpdesk.sla.exchange import simulate as compute

app = typer.Typer(
    no_args_is_help=True, help="Compute service-level clocks.", add_completion=False, rich_markup_mode=None
)


class UnreadableFile(Invalid):
    """The file cannot be read."""


class WrongTime(Invalid):
    """The time cannot be read."""


@app.command()
def simulate(
    file: Annotated[str, typer.Argument(help="A document of cases in JSON; - reads standard input.", metavar="FILE")],
    as_of: Annotated[
        str | None,
        typer.Option(help="Look at every case at this time, such as 2026-03-03T10:30:00Z, instead of its checks."),
    ] = None,
) -> None:
    """Compute the clocks of cases, and print them as JSON. Needs no database."""
    result = compute(_read_document(file), as_of=None if as_of is None else _read_time(as_of))
    print(json.dumps(result, indent=2, ensure_ascii=False))


@app.command()
def tick() -> None:
    """Tell what has crossed a threshold, once, for every organisation; what the SLA worker does each minute."""
    # The engine behind it needs the database's driver, which simulating does not.
    from helpdesk.cli.sla_tick import tick_everywhere  # noqa: PLC0415

    tick_everywhere()


def _read_document(file: str) -> Any:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return json.loads(text)
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{file} is not text in UTF-8.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnreadableFile(f"{file} is not JSON: {error}.") from error


def _read_time(said: str) -> datetime:
    try:
        return datetime.fromisoformat(said)
    except ValueError as error:
        raise WrongTime(f"--as-of {said!r} is not a time; write it like 2026-03-03T10:30:00Z.") from error
