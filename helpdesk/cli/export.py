"""`atum-desk export`: an organisation's own data as a file, written by this process."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database
from helpdesk.models.values import TicketStatus
from helpdesk.transfer.export import Position, measure, write_tickets
from helpdesk.transfer.export_file import GrowingFile
from helpdesk.transfer.export_formats import ExportFormat
from helpdesk.transfer.export_rows import Wanted

_PLAIN_INTERVAL_S = 5.0

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Write an organisation's data into files.", rich_markup_mode=None
)


@app.callback()
def _export() -> None:
    """Write an organisation's data into files."""


@dataclass(frozen=True)
class _Task:
    """What the command was asked for."""

    out: Path
    form: ExportFormat
    wanted: Wanted
    slug: str | None


@app.command()
def tickets(
    *,
    out: Annotated[Path, typer.Option("--out", help="The file to write; it appears when it is whole.", dir_okay=False)],
    form: Annotated[
        ExportFormat, typer.Option("--format", help="One JSON object a line with all that belongs to it, or a table.")
    ] = ExportFormat.JSONL,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Opened at or after this time, such as 2026-03-01.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Opened before this time.")] = None,
    status: Annotated[
        list[TicketStatus] | None, typer.Option("--status", metavar="STATUS", help="Of this status. Repeatable.")
    ] = None,
    organization: Slug = None,
) -> None:
    """Export tickets, each as it stands when its turn comes; `import tickets` reads the JSON lines back.

    A time without an offset is UTC.
    """
    if not out.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent}", param_hint="--out")
    wanted = Wanted(since=_moment(since, "--since"), until=_moment(until, "--until"), statuses=tuple(status or ()))
    end, digest = run(lambda database: _write(database, _Task(out, form, wanted, organization)))
    print(f"{end.done} tickets in {out}: {end.size:,} bytes, SHA-256 {digest}")


async def _write(database: Database, task: _Task) -> tuple[Position, str]:
    home = await chosen_organization(database, task.slug)
    begin = await measure(database, organization_id=home.id, wanted=task.wanted)
    part = task.out.with_name(f".{task.out.name}.part")
    file = GrowingFile(part)
    try:
        with _progress(begin.total) as show:
            end = await write_tickets(
                database,
                organization_id=home.id,
                wanted=task.wanted,
                form=task.form,
                file=file,
                position=begin,
                on_chunk=show,
            )
        part.replace(task.out)
    finally:
        part.unlink(missing_ok=True)
    return end, file.sha256


def _moment(said: str | None, option: str) -> datetime | None:
    try:
        found = None if said is None else datetime.fromisoformat(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is not a time like 2026-03-01T09:00:00Z", param_hint=option) from error
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Position], Awaitable[None]]]:
    """Give a function that shows a position: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    columns = (TextColumn("exporting tickets"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("tickets", total=max(total, 1))

        async def show(position: Position) -> None:
            progress.update(task, completed=position.done)

        yield show


def _plain_lines() -> Callable[[Position], Awaitable[None]]:
    last = time.monotonic()

    async def show(position: Position) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= _PLAIN_INTERVAL_S:
            last = now
            print(f"exporting tickets: {position.done} of {position.total}", file=sys.stderr, flush=True)

    return show
