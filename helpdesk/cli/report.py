"""`atum-desk report`: reports as files, made by this process."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.organization import Slug, chosen_organization
from helpdesk.database.engine import Database, transaction_time
from helpdesk.reports.sla_job import render
from helpdesk.reports.sla_report import SlaReport, read_sla_report

_WEEK = re.compile(r"(?P<year>\d{4})-?W(?P<number>\d{2})")

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
    organization: Slug = None,
) -> None:
    """Report how a week's service-level promises were kept: a page to print, and tables of figures and breaches."""
    monday = None if week is None else _monday(week)
    report = run(lambda database: _read(database, organization, monday))
    for name, (_, content) in render(report).items():
        (out / name).write_bytes(content)
        print(out / name)
    kept = report.whole.week
    print(f"{report.week.name}: {kept.met} promises met, {kept.breached} breached")


async def _read(database: Database, slug: str | None, monday: date | None) -> SlaReport:
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
