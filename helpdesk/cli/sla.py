"""`atum-desk sla`: compute service-level clocks, on paper or for every ticket."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from helpdesk.errors import Invalid
from helpdesk.sla.rules.exchange import simulate as compute
from helpdesk.sla.rules.policy import Metric

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


@app.command()
def prove(
    *,
    heal: Annotated[bool, typer.Option(help="Set right the clocks that differ.")] = True,
) -> None:
    """Replay the tickets' logs of every organisation, and compare the stored clocks; exit with 1 on a difference."""
    from helpdesk.cli.sla_prove import prove_everywhere  # noqa: PLC0415

    prove_everywhere(heal=heal)


@app.command()
def explain(
    ticket: Annotated[str, typer.Argument(help="Its number or its id.", metavar="TICKET")],
    *,
    metric: Annotated[Metric | None, typer.Option(help="Only the clocks of this metric.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="At this time instead of now; without an offset, the organisation's time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with times in UTC.")] = False,
    utc: Annotated[bool, typer.Option("--utc", help="Show times in UTC instead of the organisation's zone.")] = False,
    organization: Annotated[
        str | None, typer.Option("--organization", "--org", help="Slug of the organisation, where there are several.")
    ] = None,
) -> None:
    """Explain a ticket's clocks: what counted, what did not and why, and what happened in between."""
    from helpdesk.cli.sla_explain import Wish, explain_clocks  # noqa: PLC0415

    look = None if as_of is None else _read_time(as_of)
    explain_clocks(ticket, Wish(metric=metric, as_of=look, as_json=as_json, utc=utc), organization)


@app.command()
def predict(
    ticket: Annotated[str, typer.Argument(help="Its number or its id.", metavar="TICKET")],
    *,
    as_of: Annotated[
        str | None, typer.Option(help="At this time instead of now; without an offset, the organisation's time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with times in UTC.")] = False,
    organization: Annotated[
        str | None, typer.Option("--organization", "--org", help="Slug of the organisation, where there are several.")
    ] = None,
) -> None:
    """Say how likely a ticket's running clocks are to breach, by what was known then, and why; stores nothing."""
    from helpdesk.cli.sla_risk import print_prediction  # noqa: PLC0415

    look = None if as_of is None else _read_time(as_of)
    print_prediction(ticket, as_of=look, as_json=as_json, organization=organization)


@app.command()
def risk(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with times in UTC.")] = False,
    organization: Annotated[
        str | None, typer.Option("--organization", "--org", help="Slug of the organisation, where there are several.")
    ] = None,
) -> None:
    """Show what predicts breaches, how well it did on clocks it did not know, and what it is grown with here."""
    from helpdesk.cli.sla_risk import print_standing  # noqa: PLC0415

    print_standing(as_json=as_json, organization=organization)


@app.command()
def holidays(
    country: Annotated[str, typer.Argument(help="ISO 3166-1, such as AT.", metavar="COUNTRY")],
    *,
    subdivision: Annotated[str | None, typer.Option(help="A part of the country, such as 9 or Wien.")] = None,
    year: Annotated[list[int] | None, typer.Option(help="May be repeated; this year and the next by default.")] = None,
    category: Annotated[list[str] | None, typer.Option(help="Such as bank or half_day; may be repeated.")] = None,
    language: Annotated[str | None, typer.Option(help="Of the names; English where there is English.")] = None,
    choices: Annotated[bool, typer.Option("--choices", help="List the country's subdivisions and the like.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the public holidays that calendars can take as exceptions. Needs no database."""
    from helpdesk.cli.sla_holidays import print_choices, print_holidays  # noqa: PLC0415

    if choices:
        print_choices(country)
        return
    print_holidays(
        country,
        subdivision=subdivision,
        years=year or (),
        categories=category or (),
        language=language,
        as_json=as_json,
    )


@app.command()
def openings(
    calendar: Annotated[str, typer.Argument(help="Its name.", metavar="CALENDAR")],
    *,
    start: Annotated[
        str | None, typer.Option("--from", help="From this time on; without an offset, the calendar's own time.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 10,
    organization: Annotated[
        str | None, typer.Option("--organization", "--org", help="Slug of the organisation, where there are several.")
    ] = None,
) -> None:
    """Show when a calendar opens next."""
    from helpdesk.cli.sla_openings import print_openings  # noqa: PLC0415

    begin = None if start is None else _read_time(start, option="--from")
    print_openings(calendar, start=begin, count=count, organization=organization)


def _read_document(file: str) -> Any:
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        # Some editors put a byte order mark before the first character.
        return json.loads(text.removeprefix("\ufeff"))
    except OSError as error:
        raise UnreadableFile(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{name} is not text in UTF-8.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise UnreadableFile(f"{name} is not JSON: {error}.") from error


def _read_time(said: str, *, option: str = "--as-of") -> datetime:
    try:
        return datetime.fromisoformat(said)
    except ValueError as error:
        raise WrongTime(f"{option} {said!r} is not a time; write it like 2026-03-03T10:30:00Z.") from error
