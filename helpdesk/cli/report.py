"""`atum-desk report`: reports as files or on standard output, made by this process."""

from __future__ import annotations

import json
import re
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database, transaction_time
from helpdesk.reports.period_report import (
    Asked,
    Breaches,
    DimensionUnknown,
    PeriodReport,
    dimensions_of,
    read_breaches,
    read_period_report,
)
from helpdesk.reports.period_tables import breaches_csv, explained_json, figures_csv, figures_json
from helpdesk.reports.sla_job import render
from helpdesk.reports.sla_report import SlaReport, read_sla_report

_WEEK = re.compile(r"(?P<year>\d{4})-?W(?P<number>\d{2})")


class Format(StrEnum):
    """How figures are written to standard output."""

    JSON = "json"
    CSV = "csv"


First = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day; default: Monday, three weeks ago."),
]
Last = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day; default: today.")
]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make reports.", rich_markup_mode=None)


@app.callback()
def _report() -> None:
    """Make reports."""


@app.command()
def sla(
    *,
    week: Annotated[
        str | None,
        typer.Option(
            "--week", metavar="WEEK", help="Such as 2026-W10, or its Monday; by default the last week that is over."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="The folder to write into.", file_okay=False, exists=True, writable=True)
    ] = Path(),
    first: First = None,
    last: Last = None,
    group_by: Annotated[
        str | None,
        typer.Option("--group-by", help="Such as policy,agent,week; by default everything but day."),
    ] = None,
    format: Annotated[Format | None, typer.Option("--format", help="Write figures to standard output.")] = None,  # noqa: A002
    organization: Slug = None,
) -> None:
    """Report how service-level promises were kept: a week as a page and tables, or any period as figures.

    With --from, --to, --group-by or --format, figures of up to 53 weeks go to standard output; otherwise the files of a
    week are written.
    """
    if first is None and last is None and group_by is None and format is None:
        _write_week(None if week is None else _monday(week), out, organization)
        return
    if week is not None:
        raise typer.BadParameter("a week has bounds of its own; leave out --from, --to and --group-by")
    try:
        dimensions = dimensions_of([group_by or ""])
    except DimensionUnknown as error:
        raise typer.BadParameter(str(error.detail), param_hint="--group-by") from error

    async def read(database: Database) -> PeriodReport:
        home = await chosen_organization(database, organization)
        async with database.snapshot(home.id) as session:
            now = await transaction_time(session)
            asked = _asked(first, last)
            return await read_period_report(
                session, organization_id=home.id, asked=asked, dimensions=dimensions, now=now
            )

    report = run(read)
    _write(figures_csv(report) if format is Format.CSV else figures_json(report))


@app.command()
def breaches(
    *,
    first: First = None,
    last: Last = None,
    format: Annotated[Format, typer.Option("--format")] = Format.JSON,  # noqa: A002
    organization: Slug = None,
) -> None:
    """List the promises that were broken in a period, each with what its clock counted, on standard output."""

    async def read(database: Database) -> Breaches:
        home = await chosen_organization(database, organization)
        async with database.snapshot(home.id) as session:
            now = await transaction_time(session)
            return await read_breaches(session, organization_id=home.id, asked=_asked(first, last), now=now)

    found = run(read)
    items = found.items
    _write(breaches_csv(items) if format is Format.CSV else {"items": [explained_json(one) for one in items]})


def _asked(first: datetime | None, last: datetime | None) -> Asked:
    return Asked(first and first.date(), last and last.date())


def _write(content: bytes | dict[str, Any]) -> None:
    if isinstance(content, dict):
        print(json.dumps(content, ensure_ascii=False, indent=2))
    else:
        sys.stdout.buffer.write(content)


def _write_week(monday: date | None, out: Path, organization: str | None) -> None:
    report = run(lambda database: _read_week(database, organization, monday))
    for name, (_, content) in render(report).items():
        (out / name).write_bytes(content)
        print(out / name)
    kept = report.whole.week
    print(f"{report.week.name}: {kept.met} promises met, {kept.breached} breached")


async def _read_week(database: Database, slug: str | None, monday: date | None) -> SlaReport:
    home = await chosen_organization(database, slug)
    async with database.snapshot(home.id) as session:
        now = await transaction_time(session)
        return await read_sla_report(session, organization_id=home.id, monday=monday, now=now)


def _monday(said: str) -> date:
    found = _WEEK.fullmatch(said)
    try:
        day = date.fromisocalendar(int(found["year"]), int(found["number"]), 1) if found else date.fromisoformat(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is not a week like 2026-W10", param_hint="--week") from error
    if day.weekday() != 0:
        raise typer.BadParameter(f"{said} is not a Monday", param_hint="--week")
    return day
