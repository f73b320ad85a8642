"""`atum-desk metrics`: figures over time."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database, transaction_time
from helpdesk.metrics.backfill import Backfill
from helpdesk.metrics.buckets import Granularity
from helpdesk.metrics.catalogue import UnknownMetric, known
from helpdesk.metrics.export import csv_of_series, csv_of_summary
from helpdesk.metrics.queries import every_snapshot
from helpdesk.metrics.slices import Slice
from helpdesk.metrics.spans import series_span, summary_span
from helpdesk.metrics.summary import Compared, Summary, summarise
from helpdesk.models.accounts import Organization
from helpdesk.spreadsheets import BYTE_ORDER_MARK, rfc3339

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Read, take and export figures over time.",
    rich_markup_mode=None,
)

_USUAL = timedelta(days=28)
_FORM = "A day, or a time such as 2026-03-03T10:00; without an offset, the organisation's."
Since = Annotated[str | None, typer.Option(metavar="TIME", help=f"{_FORM} By default 28 days before the end.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="The same, exclusive; by default now.")]
Metrics = Annotated[list[str] | None, typer.Option("--metric", help="Only this one; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Grain = Annotated[Granularity, typer.Option(help="Quarters of an hour, or days.")]


@app.callback()
def _metrics() -> None:
    """Read, take and export figures over time."""


@app.command()
def show(
    *,
    since: Since = None,
    until: Until = None,
    by: Annotated[Slice | None, typer.Option(help="Also for each value of this slice.")] = None,
    metric: Metrics = None,
    as_json: Json = False,
    as_csv: Csv = False,
    organization: Slug = None,
) -> None:
    """Sum a period up, beside the one of the same length before it."""
    wanted = _known(metric)

    async def read(database: Database) -> tuple[Summary, str]:
        home = await chosen_organization(database, organization)
        async with database.snapshot(home.id) as session:
            now = await transaction_time(session)
            span = summary_span(*_bounds(since, until, home, now))
            found = await summarise(session, organization_id=home.id, span=span, now=now, by=by, metrics=wanted)
        return found, home.timezone

    found, zone = run(read)
    if as_json:
        print(json.dumps(_as_json(found), indent=2, ensure_ascii=False))
    elif as_csv:
        sys.stdout.buffer.write(BYTE_ORDER_MARK + csv_of_summary(found))
    else:
        _print(found, ZoneInfo(zone))


@app.command()
def backfill(
    *,
    since: Annotated[str, typer.Option(metavar="TIME", help=_FORM)],
    until: Until = None,
    as_json: Json = False,
    organization: Slug = None,
) -> None:
    """Take the figures of a time that is past, in this process; taking them again replaces them."""
    shown = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())

    async def work(database: Database, progress: Progress) -> dict[str, Any]:
        home = await chosen_organization(database, organization)
        begin, end = _bounds(since, until, home, datetime.now(UTC))
        task = progress.add_task("days taken", total=100)

        async def keep(_checkpoint: Mapping[str, Any], *, percent: float, message: str = "") -> bool:
            progress.update(task, completed=percent, description=message)
            return True

        async def complete(_session: AsyncSession, _result: dict[str, Any]) -> None:
            """There is no job to complete."""

        return await Backfill(
            database, home.id, begin, end, now=lambda: datetime.now(UTC), keep=keep, complete=complete
        ).run()

    with Progress(*columns, console=shown, disable=not shown.is_terminal) as progress:
        result = run(lambda database: work(database, progress))
    if as_json:
        print(json.dumps(result))
        return
    print(f"{result['days']} days and {result['quarters']} quarters of an hour taken: {result['figures']:,} figures.")


@app.command()
def export(
    *,
    since: Since = None,
    until: Until = None,
    granularity: Grain = Granularity.DAY,
    metric: Metrics = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line instead of CSV.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, which is the default.")] = False,
    organization: Slug = None,
) -> None:
    """Write the figures of buckets with all their slices to standard output."""
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv")
    wanted = _known(metric)

    async def write(database: Database) -> None:
        home = await chosen_organization(database, organization)
        span = series_span(*_bounds(since, until, home, datetime.now(UTC)), granularity)
        asked: dict[str, Any] = {
            "organization_id": home.id,
            "span": span,
            "granularity": granularity,
            "metrics": wanted,
        }
        if not as_json:
            async for piece in csv_of_series(database, **asked):
                sys.stdout.buffer.write(piece)
            return
        async for rows in every_snapshot(database, **asked):
            for row in rows:
                names = ("granularity", "metric", "dimensions", "value", "count")
                line = {"bucket_start": rfc3339(row.bucket_start)} | {name: getattr(row, name) for name in names}
                print(json.dumps(line, ensure_ascii=False))

    run(write)


def _known(metrics: list[str] | None) -> list[str]:
    try:
        return known(metrics or ())
    except UnknownMetric as error:
        raise typer.BadParameter(error.detail, param_hint="--metric") from error


def _bounds(since: str | None, until: str | None, home: Organization, now: datetime) -> tuple[datetime, datetime]:
    zone = ZoneInfo(home.timezone)
    end = now if until is None else _moment(until, zone, "--until")
    return (end - _USUAL if since is None else _moment(since, zone, "--since")), end


def _moment(said: str, zone: ZoneInfo, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is no day and no time", param_hint=option) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _print(found: Summary, zone: ZoneInfo) -> None:
    since, until = (f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %z}" for at in (found.span.since, found.span.until))
    print(f"{since} to {until}, and the same length before")
    for group in (found.total, *found.groups):
        table = Table(title=group.name, title_justify="left", box=None, header_style="bold")
        table.add_column("METRIC")
        for name in ("VALUE", "CASES", "BEFORE", "CHANGE"):
            table.add_column(name, justify="right")
        table.add_column("UNIT")
        for figure in group.figures:
            if figure.count or figure.previous_count:
                name = f"{figure.metric.name} ({figure.detail})" if figure.detail else figure.metric.name
                numbers = (figure.value, figure.count, figure.previous, figure.change)
                table.add_row(name, *map(_number, numbers), figure.metric.unit.value)
        Console(highlight=False).print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


def _as_json(found: Summary) -> dict[str, Any]:
    before = found.span.before
    return {
        "since": rfc3339(found.span.since),
        "until": rfc3339(found.span.until),
        "previous_since": rfc3339(before.since),
        "previous_until": rfc3339(before.until),
        "by": found.by,
        "total": [_figure(figure) for figure in found.total.figures],
        "groups": [
            {"key": group.key, "name": group.name, "figures": [_figure(figure) for figure in group.figures]}
            for group in found.groups
        ],
    }


def _figure(figure: Compared) -> dict[str, Any]:
    return {
        "metric": figure.metric.name,
        "unit": figure.metric.unit,
        "detail": figure.detail,
        "value": figure.value,
        "count": figure.count,
        "previous": figure.previous,
        "previous_count": figure.previous_count,
        "change": figure.change,
    }
