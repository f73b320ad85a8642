"""`atum-desk migrate`: bring the database to this version's schema."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated

import typer
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from helpdesk.cli.checkout import ROOT
from helpdesk.cli.configuration import read_settings
from helpdesk.cli.connection import clear_sentences, place_of
from helpdesk.database.engine import DatabaseUnavailable, connect_raw
from helpdesk.database.schema_version import SchemaState, WrongSchema, state
from helpdesk.errors import Conflict
from helpdesk.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class CannotMigrate(Conflict):
    """The database has a schema that this version does not know."""


class _Steps(logging.Handler):
    """Prints each step that Alembic logs, and counts them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.taken: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        # A step that is tried again, for want of a lock, is still one step.
        if said.startswith("Running ") and said not in self.taken:
            self.taken.add(said)
            print(said.partition(", ")[2], flush=True)


def _scripts() -> Config:
    """Tell Alembic where the migrations lie: beside the packages, in a checkout and in an installation alike."""
    config = Config()
    # A percent sign begins a substitution in the option.
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    return config


@app.command()
def migrate(
    revision: Annotated[str, typer.Option("--to", help="The revision to go to.", metavar="REVISION")] = "head",
    wait: Annotated[
        float, typer.Option("--wait", help="How long to wait for PostgreSQL to answer.", metavar="SECONDS", min=0)
    ] = 0,
) -> None:
    """Bring the database of ATUM_DATABASE_URL to this version's schema; nothing happens when it has it.

    Nor does anything when a newer version has migrated it and this version still runs with it.
    """
    settings = read_settings()
    with clear_sentences(settings):
        schema = asyncio.run(_look(settings, wait_s=wait))
    if schema.verdict == "too_new":
        raise WrongSchema(schema.sentence)
    if schema.verdict == "ok" and schema.current != schema.wanted:
        print(schema.sentence)
        return
    steps = _Steps()
    log = logging.getLogger("alembic.runtime.migration")
    log.setLevel(logging.INFO)
    log.addHandler(steps)
    log.propagate = False
    try:
        with clear_sentences(settings):
            command.upgrade(_scripts(), revision)
    except CommandError as error:
        raise CannotMigrate(f"The database at {place_of(settings)} cannot be migrated: {error}.") from error
    finally:
        log.removeHandler(steps)
        log.propagate = True
    done = f"took {len(steps.taken)} steps" if steps.taken else "is up to date"
    print(f"The database at {place_of(settings)} {done}.")


async def _look(settings: Settings, *, wait_s: float) -> SchemaState:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            connection = await connect_raw(settings, application="migrate", role=None)
            break
        except DatabaseUnavailable:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(1)
    try:
        return await state(connection)
    finally:
        await connection.close()
