"""`atum-desk jobs limit`: how many jobs run at a time, over all workers."""

from __future__ import annotations

from typing import Annotated

import typer

from helpdesk.cli.connection import run
from helpdesk.cli.jobs.output import AsJson, print_json, print_table
from helpdesk.cli.jobs.scope import transaction
from helpdesk.database.engine import Database
from helpdesk.errors import NotFound
from helpdesk.queue import commands, queries

app = typer.Typer(
    no_args_is_help=True,
    help="Limit how many jobs run at a time, over all workers.",
    add_completion=False,
    rich_markup_mode=None,
)
Key = Annotated[str, typer.Argument(help="Limit key, as `jobs limit list` shows it.", metavar="KEY")]


class NoSuchLimit(NotFound):
    """No limit is set for this key."""


@app.command("list")
def list_limits(*, as_json: AsJson = False) -> None:
    """List the limits, and how many jobs run and wait under each."""

    async def work(database: Database) -> None:
        async with transaction(database, None) as session:
            found = await queries.list_limits(session)
        if as_json:
            print_json(found)
            return
        print_table(
            ([each.limit_key, each.slots, each.running, each.pending] for each in found),
            *("KEY", "SLOTS", "RUNNING", "PENDING"),
            whole=("KEY", "SLOTS", "RUNNING", "PENDING"),
        )

    run(work)


@app.command("set")
def set_limit(
    key: Key,
    slots: Annotated[int, typer.Argument(help="How many at a time; 0 lets none run.", min=0, max=10_000)],
    *,
    as_json: AsJson = False,
) -> None:
    """Let so many jobs with a limit key run at a time."""

    async def work(database: Database) -> None:
        async with database.transaction(None) as session:
            await commands.set_limit(session, limit_key=key, slots=slots, by="command line")

    run(work)
    if as_json:
        print_json({"limit_key": key, "slots": slots})
    else:
        print(f"{key}: at most {slots} at a time")


@app.command("clear")
def clear_limit(key: Key, *, as_json: AsJson = False) -> None:
    """Let the limit that the job types say apply again."""

    async def work(database: Database) -> bool:
        async with database.transaction(None) as session:
            return bool(await commands.clear_limit(session, limit_key=key))

    if not run(work):
        raise NoSuchLimit(f"No limit is set for {key}.")
    if as_json:
        print_json({"limit_key": key, "slots": None})
    else:
        print(f"{key}: as its job types say")
