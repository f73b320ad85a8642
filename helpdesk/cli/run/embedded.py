"""The embedded PostgreSQL of a run."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import typer

from helpdesk.cli.run.guard import dismiss, start_guard
from helpdesk.cli.run.place import Place
from helpdesk.database.embedded import EmbeddedPostgres, stop_quietly
from helpdesk.errors import Conflict


class NotConfirmed(Conflict):
    """Nothing was removed, since nobody confirmed it."""


@asynccontextmanager
async def embedded_postgres(place: Place) -> AsyncIterator[str]:
    """Run the embedded server of a data folder and give its URL; it stops at the end, whatever the end is.

    Raises:
        EmbeddedPostgresFailed: it does not start.
    """
    server = EmbeddedPostgres(place.postgres)
    guard = start_guard(place.folder)
    starting = asyncio.ensure_future(asyncio.to_thread(server.start))
    try:
        yield await asyncio.shield(starting)
    finally:
        # A start that was interrupted is waited for: stopping half a start would leave the other half.
        await asyncio.wait([starting])
        await asyncio.to_thread(stop_quietly, place.postgres)
        await asyncio.to_thread(dismiss, guard)


def remove_database(place: Place, *, confirmed: bool) -> list[Path]:
    """Remove the embedded database of a data folder and what the demo remembered of it; return what was removed.

    Raises:
        NotConfirmed: nobody said yes.
    """
    there = [path for path in (place.postgres, place.demo_state) if path.exists()]
    if not there:
        return []
    if not confirmed:
        _ask(place)
    stop_quietly(place.postgres)
    for path in there:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return there


def _ask(place: Place) -> None:
    try:
        agreed = typer.confirm(f"Remove the database in {place.postgres}, with all tickets and articles?")
    except typer.Abort:
        agreed = False
    if not agreed:
        raise NotConfirmed("Nothing was removed; say --fresh --yes to remove the database without being asked.")
