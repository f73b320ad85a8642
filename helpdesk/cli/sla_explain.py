"""A ticket's clocks on the terminal, with the reasons for what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from rich.table import Table
from rich.text import Text

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import console, print_json
from helpdesk.cli.organization import chosen_organization
from helpdesk.database.engine import Database, transaction_time
from helpdesk.sla.explaining.document import explanation_json
from helpdesk.sla.explaining.explanation import Explanation
from helpdesk.sla.explaining.queries import explain_ticket
from helpdesk.sla.explaining.words import duration
from helpdesk.sla.rules.clock import Clock
from helpdesk.sla.rules.exchange import iso
from helpdesk.sla.rules.policy import Metric
from helpdesk.tickets.queries import TicketRow, get_ticket


@dataclass(frozen=True)
class Wish:
    """What is to be shown, and how; a naive `as_of` is the organisation's time."""

    metric: Metric | None = None
    as_of: datetime | None = None
    as_json: bool = False
    utc: bool = False


@dataclass(frozen=True)
class _Found:
    ticket: TicketRow
    explanations: list[Explanation]
    as_of: datetime
    zone: tzinfo


def explain_clocks(ticket: str, wish: Wish, organization: str | None) -> None:
    """Print the explanation of a ticket's clocks."""
    reference = reference_of(ticket)
    found = run(lambda database: _find(database, organization, reference, wish))
    if wish.as_json:
        documents = [explanation_json(explanation) for explanation in found.explanations]
        print_json({"ticket": found.ticket.number, "as_of": iso(found.as_of), "clocks": documents})
        return
    zone = UTC if wish.utc else found.zone
    print(f"#{found.ticket.number} {found.ticket.subject}")
    print(f"{found.ticket.priority}, {found.ticket.status}; as of {_shown(found.as_of, zone)}")
    for explanation in found.explanations:
        _print_clock(explanation, found, zone)
    if not found.explanations:
        print("No clock: no policy has promised anything for it.")


def reference_of(said: str) -> UUID | int:
    """Return the number or the id that names a ticket."""
    number = said.removeprefix("#")
    if number.isascii() and number.isdigit() and 0 < int(number) < 2**63:
        return int(number)
    try:
        return UUID(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is neither a number nor an id", param_hint="TICKET") from error


async def _find(database: Database, slug: str | None, reference: UUID | int, wish: Wish) -> _Found:
    home = await chosen_organization(database, slug)
    zone = ZoneInfo(home.timezone)
    as_of = wish.as_of
    if as_of is not None and as_of.tzinfo is None:
        as_of = as_of.replace(tzinfo=zone)
    async with database.snapshot(home.id) as session:
        now = await transaction_time(session)
        ticket = await get_ticket(session, organization_id=home.id, reference=reference)
        found = await explain_ticket(session, organization_id=home.id, ticket_id=ticket.id, now=now, as_of=as_of)
    wanted = [each for each in found if wish.metric in {None, each.clock.metric}]
    return _Found(ticket, wanted, as_of or now, zone)


def _print_clock(explanation: Explanation, found: _Found, zone: tzinfo) -> None:
    clock = explanation.clock
    print()
    print(f"{clock.metric} {clock.instance}: {', '.join(_standing(clock, zone))}")
    print(f"policy {explanation.policy}, calendar {explanation.calendar} in {explanation.timezone}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("AT", "WHAT", "COUNTED", "TOTAL", "%"):
        table.add_column(name, no_wrap=True, justify="right" if name == "%" else "left")
    table.add_column("WHY")
    for row in _rows(explanation, zone):
        table.add_row(*map(Text, row))
    if clock.stopped_at is None:
        table.add_row(_shown(found.as_of, zone), "now", "", duration(clock.elapsed_s), f"{clock.elapsed_pct:g}", "")
    console().print(table)


def _standing(clock: Clock, zone: tzinfo) -> Iterator[str]:
    yield clock.outcome or clock.state
    yield f"{duration(clock.elapsed_s)} of {duration(clock.target_s)} ({clock.elapsed_pct:g} %)"
    if clock.stopped_at is not None:
        yield f"ended {_shown(clock.stopped_at, zone)}"
    if clock.breached_at is not None:
        yield f"late since {_shown(clock.breached_at, zone)}"
    elif clock.due_at is not None:
        yield f"due {_shown(clock.due_at, zone)}"


def _rows(explanation: Explanation, zone: tzinfo) -> Iterator[Sequence[str]]:
    """Lay intervals and marks out in order of time; what happens at an instant comes before what starts then."""
    lines: list[tuple[datetime, int, Sequence[str]]] = [
        (mark.at, 0, (_shown(mark.at, zone), mark.kind, "", "", "", mark.text)) for mark in explanation.marks
    ]
    for each in explanation.intervals:
        counted = duration(each.counted_s) if each.counted_s else ""
        amounts = (counted, duration(each.elapsed_s), f"{each.elapsed_pct:g}")
        lines.append((each.start, 1, (_shown(each.start, zone), each.kind, *amounts, each.reason)))
    return (line for *_, line in sorted(lines, key=lambda entry: entry[:2]))


def _shown(at: datetime, zone: tzinfo) -> str:
    """Write a time in a zone with its offset, and with seconds where it has any."""
    precision = "seconds" if at.second else "minutes"
    return at.astimezone(zone).isoformat(sep=" ", timespec=precision)
