"""What the commands about runs share: whose runs, which ones, since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from helpdesk.ai.runs.queries import RunFilter, get_run, list_runs
from helpdesk.cli.organization import chosen_organization
from helpdesk.database.engine import Database
from helpdesk.models.ai import AiRun
from helpdesk.tickets.queries import get_ticket

Organization = Annotated[
    str | None, typer.Option("--organization", "--org", help="Slug of the organisation, where there are several.")
]
Kind = Annotated[str | None, typer.Option(help="What it was for, such as triage, reply or ask.")]
Ticket = Annotated[str | None, typer.Option(help="Number or id of a ticket.")]
Since = Annotated[
    str | None, typer.Option(help="A time such as 2026-03-03T10:30:00Z, or how long ago, such as 2h or 7d.")
]
Decision = Annotated[str | None, typer.Option(help="What became of it: accepted, abstained, escalated or error.")]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def run_id(said: str) -> UUID:
    """Read the id of a run; end the command where it is none."""
    try:
        return UUID(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is no id of a run", param_hint="RUN") from error


def moment(said: str | None) -> datetime | None:
    """Read a time, or how long ago it was."""
    if said is None:
        return None
    if said[:-1].isdecimal() and said[-1:] in _UNITS:
        return _ago(int(said[:-1]), _UNITS[said[-1]])
    try:
        read = datetime.fromisoformat(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is no time", param_hint="--since") from error
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def _ago(count: int, unit: str) -> datetime:
    try:
        return datetime.now(UTC) - timedelta(**{unit: count})
    except OverflowError as error:
        raise typer.BadParameter("it is too long ago", param_hint="--since") from error


async def home_of(database: Database, slug: str | None) -> UUID:
    """Return the id of the organisation that is meant."""
    return (await chosen_organization(database, slug)).id


async def newest(
    database: Database, organization_id: UUID, *, wanted: RunFilter, ticket: str | None, limit: int
) -> list[AiRun]:
    """Return the newest runs that are asked for."""
    async with database.snapshot(organization_id) as session:
        ticket_id = None
        if ticket is not None:
            found = await get_ticket(session, organization_id=organization_id, reference=_reference(ticket))
            ticket_id = found.id
        filters = RunFilter(**{**wanted.__dict__, "ticket_id": ticket_id})
        return list(await list_runs(session, organization_id=organization_id, wanted=filters, limit=limit))


async def one(database: Database, slug: str | None, wanted: UUID) -> AiRun:
    """Return one run; raise RunGone."""
    organization_id = await home_of(database, slug)
    async with database.snapshot(organization_id) as session:
        return await get_run(session, organization_id=organization_id, run_id=wanted)


def _reference(said: str) -> UUID | int:
    number = said.removeprefix("#")
    if number.isascii() and number.isdigit() and 0 < int(number) < 2**63:
        return int(number)
    try:
        return UUID(said)
    except ValueError as error:
        raise typer.BadParameter(f"{said!r} is neither a number nor an id", param_hint="--ticket") from error
