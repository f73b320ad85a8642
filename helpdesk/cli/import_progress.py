"""Show how far an import is, and what became of its rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from helpdesk.transfer.error_file import ErrorFile
from helpdesk.transfer.outcome import Outcome, Tally

_PLAIN_INTERVAL_S = 5.0
_NAMES_SHOWN = 5

OnProgress = Callable[[int, Tally], None]


@contextmanager
def show_progress(title: str, total: int) -> Iterator[OnProgress]:
    """Give a function that shows the position in an input of `total`: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _plain_lines(title, total)
        return
    columns = (
        TextColumn("importing {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]}"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=max(total, 1), rows="")

        def show(position: int, tally: Tally) -> None:
            progress.update(task, completed=position, rows=_rate(tally, time.monotonic() - started))

        yield show


def _rate(tally: Tally, seconds: float) -> str:
    failed = f", {tally.failed} failed" if tally.failed else ""
    return f"{tally.total} rows{failed}, {tally.total / max(seconds, 0.001):.0f} rows/s"


def _plain_lines(title: str, total: int) -> OnProgress:
    started = last = time.monotonic()

    def show(position: int, tally: Tally) -> None:
        nonlocal last
        if (now := time.monotonic()) - last < _PLAIN_INTERVAL_S or not position:
            return
        last = now
        left = (now - started) * (total - position) / position
        print(
            f"importing {title}: {100 * position / max(total, 1):.0f} %, {_rate(tally, now - started)}, "
            f"about {left:.0f} s left",
            file=sys.stderr,
            flush=True,
        )

    return show


def print_summary(tally: Tally, *, title: str, dry_run: bool, errors: ErrorFile, unmapped: list[str]) -> None:
    """Print what became of the rows, and what the person should know about them."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title=f"{title}: a dry run, nothing was stored" if dry_run else title, title_justify="left")
    for outcome in Outcome:
        table.add_column(
            f"would be {outcome}" if dry_run and outcome is not Outcome.FAILED else outcome, justify="right"
        )
    table.add_row(*(str(tally.rows[outcome]) for outcome in Outcome))
    console.print(table)
    for notice in _notices(tally, dry_run=dry_run, errors=errors, unmapped=unmapped):
        console.print(notice, markup=False)


def _notices(tally: Tally, *, dry_run: bool, errors: ErrorFile, unmapped: list[str]) -> Iterator[str]:
    if tally.new_categories:
        verb = "would be made" if dry_run else "were made"
        yield f"{len(tally.new_categories)} categories {verb}: {', '.join(tally.new_categories)}."
    if tally.unknown_categories:
        named = [f"{name} ({count})" for name, count in tally.unknown_categories.most_common(_NAMES_SHOWN)]
        more = ", ..." if len(tally.unknown_categories) > _NAMES_SHOWN else ""
        yield (
            f"{tally.unknown_categories.total()} rows name a category that is not here: {', '.join(named)}{more}. "
            "The name is kept with each; --create-categories makes them."
        )
    for column in unmapped:
        yield f"No row had the column {column!r} that --map names."
    if tally.failed:
        yield f"{tally.failed} rows failed; {errors.path} tells each one's line and reason."
