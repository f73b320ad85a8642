"""`atum-desk jobs tail`: follow what happens to jobs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Annotated

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import first_line, plain
from helpdesk.cli.jobs.scope import Everybody, Organization, chosen, transaction
from helpdesk.database.engine import Database
from helpdesk.queue.tail import Tail, TailedEvent

_LOOK_EVERY_S = 0.5
_BATCH = 1000


def tail(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until stopped (Ctrl-C).")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="Events to begin with.", min=0, max=10_000)] = 20,
    job_type: Annotated[str | None, typer.Option("--type", help="Only of jobs of this type.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only these events, such as dead_lettered.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
    organization: Organization = None,
    everybody: Everybody = False,
) -> None:
    """Show the latest events of jobs, and follow them.

    With -f it goes on, and no event is lost, however late its transaction commits.
    """

    async def work(database: Database) -> None:
        async for each in _events(database, organization, everybody, lines=lines, follow=follow):
            if job_type in (None, each.job_type) and (not event or each.event in event):
                print(json.dumps(plain(each), ensure_ascii=False) if as_json else _line(each), flush=True)

    try:
        run(work)
    except KeyboardInterrupt:
        raise typer.Exit from None
    except BrokenPipeError:
        # Whoever read has seen enough; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None


async def _events(
    database: Database, organization: str | None, everybody: bool, *, lines: int, follow: bool
) -> AsyncIterator[TailedEvent]:
    organization_id = await chosen(database, organization, everybody)
    events = Tail(organization_id)
    async with transaction(database, organization_id) as session:
        await events.begin(session, back=lines)
    while True:
        async with transaction(database, organization_id) as session:
            found = await events.look(session, limit=_BATCH)
        for each in found:
            yield each
        if len(found) < _BATCH:
            if not follow:
                return
            await asyncio.sleep(_LOOK_EVERY_S)


def _line(event: TailedEvent) -> str:
    words = [
        f"{event.created_at:%H:%M:%S}",
        f"{event.event:<16}",
        str(event.job_id),
        event.job_type or "-",
        "" if event.attempt is None else f"try {event.attempt}",
        first_line(event.detail),
    ]
    return "  ".join(word for word in words if word)
