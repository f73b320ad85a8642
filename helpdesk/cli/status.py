"""`atum-desk status`: one look at what runs and how it goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from helpdesk.cli.doctor import patient_here
from helpdesk.cli.jobs.output import AsJson, ago, console, print_json, span
from helpdesk.doctor.standing import Standing, look_around

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_MOST_TYPES = 12


@app.command(
    epilog="\b\nExamples:\n  atum-desk status\n  atum-desk status --watch 5\n\n"
    "The exit code is 0, 1 when something is down, and 2 on wrong use."
)
def status(
    *,
    watch: Annotated[
        float | None, typer.Option(help="Look again every so many seconds, until Ctrl-C.", min=1, metavar="SECONDS")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show on one screen what runs and how it goes: processes, queue, index, promises, models, backups, last errors."""
    if watch is None:
        found = asyncio.run(look_around(patient_here()))
        if as_json:
            print_json(found)
        else:
            console().print(screen(found), soft_wrap=True)
        raise typer.Exit(1 if found.down else 0)
    _watch(watch, as_json=as_json)


def _watch(every_s: float, *, as_json: bool) -> None:
    try:
        if as_json:
            while True:
                print_json(asyncio.run(look_around(patient_here())))
                time.sleep(every_s)
        with Live(console=Console(highlight=False), screen=True, auto_refresh=False) as live:
            while True:
                live.update(screen(asyncio.run(look_around(patient_here()))), refresh=True)
                time.sleep(every_s)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def screen(found: Standing) -> RenderableType:
    """Return everything as it is shown on one screen."""
    parts: list[RenderableType] = [_down(found), _parts(found)]
    if found.workers:
        parts += [Text(), _workers(found)]
    if found.queue:
        parts += [Text(), _queue(found)]
    if found.errors:
        parts += [Text(), _errors(found)]
    return Group(*parts)


def _down(found: Standing) -> RenderableType:
    head = f"Atum Desk {found.version}, {found.as_of:%Y-%m-%d %H:%M:%S} UTC"
    if not found.down:
        return Text.from_markup(f"[bold]{head}[/]  [green]everything is up[/]\n")
    lines = "\n".join(f"[red]down[/]  {escape(each)}" for each in found.down)
    return Text.from_markup(f"[bold]{head}[/]\n{lines}\n`atum-desk doctor` says what to do.\n")


def _parts(found: Standing) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in _lines(found):
        table.add_row(name, Text(said))
    return table


def _lines(found: Standing) -> Iterator[tuple[str, str]]:
    elsewhere = "" if found.api["expected"] else ", and is not to run on this host"
    yield "api", f"{'answers' if found.api['answers'] else 'does not answer'} at {found.api['url']}{elsewhere}"
    yield "database", _database(found.database)
    if found.index:
        yield "index", _index(found.index)
    if found.sla:
        yield "promises", _sla(found)
    yield "models", "; ".join(model["told"] for model in found.models if model["probe"] != "place")
    yield "backups", _backups(found)


def _database(database: dict[str, Any]) -> str:
    if not database["answers"]:
        return str(database["says"])
    schema = f"schema {database['schema']}"
    if database["schema"] != database["wanted"]:
        schema += f" (this version's is {database['wanted']})"
    return f"PostgreSQL {database['server_version']} at {database['place']}, {schema}"


def _index(index: dict[str, Any]) -> str:
    failed = f", {index['failed']:,} failed" if index["failed"] else ""
    if not index["waiting"] + index["running"]:
        return f"nothing behind{failed}"
    return f"{span(index['lag_s'])} behind: {index['waiting']:,} waiting, {index['running']:,} in hand{failed}"


def _sla(found: Standing) -> str:
    sla = found.sla
    due = f", the next is due {ago(sla['next_due_at'], found.as_of)}" if sla["next_due_at"] else ""
    ticked = f", last tick {span(sla['ticked_s'])} ago" if sla["ticked_s"] is not None else ""
    return f"{sla['running']:,} clocks run{due}; {sla['breached_today']:,} broken today{ticked}"


def _backups(found: Standing) -> str:
    backups = found.backups
    if backups["count"] is None:
        return f"{backups['folder']} cannot be read: {backups['problem']}"
    if not backups["count"]:
        return f"none in {backups['folder']}"
    return f"{backups['count']} in {backups['folder']}, the newest {ago(backups['newest_at'], found.as_of)} old"


def _workers(found: Standing) -> Table:
    table = _table("WORKER", "HOST", "PID", "UP", "SEEN", "BUSY", "STATE", "VERSION")
    for each in found.workers:
        state = each["state"] if each["alive"] else "gone"
        busy = f"{each['running']}/{each['capacity']}"
        cells = (each["kind"], each["host"], each["pid"], span(each["age_s"]), span(each["seen_s"]), busy, state)
        table.add_row(*(Text(str(cell)) for cell in (*cells, each["version"])), style="" if each["alive"] else "red")
    return table


def _queue(found: Standing) -> Table:
    table = _table("JOB TYPE", "READY", "LATER", "RUNNING", "DEAD", "OLDEST")
    for each in found.queue[:_MOST_TYPES]:
        counts = (each["ready"], each["later"], each["running"], each["dead"])
        table.add_row(Text(each["job_type"]), *(Text(f"{count:,}") for count in counts), Text(span(each["oldest_s"])))
    if (left := len(found.queue) - _MOST_TYPES) > 0:
        table.add_row(Text(f"{left} more types"))
    return table


def _errors(found: Standing) -> Table:
    table = _table("LAST ERRORS", "AGO", "")
    for each in found.errors:
        table.add_row(Text(each["job_type"]), Text(ago(each["at"], found.as_of)), Text(each["error"] or ""))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    return table
