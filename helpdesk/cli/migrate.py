"""`atum-desk migrate`: bring the database to this version's schema."""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from helpdesk.cli.checkout import ROOT
from helpdesk.cli.configuration import read_settings
from helpdesk.cli.connection import clear_sentences, place_of
from helpdesk.errors import Conflict

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class CannotMigrate(Conflict):
    """The database has a schema that this version does not know."""


class _Steps(logging.Handler):
    """Prints each step that Alembic logs, and counts them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if said.startswith("Running "):
            self.count += 1
            print(said.partition(", ")[2], flush=True)


@app.command()
def migrate(
    revision: Annotated[str, typer.Option("--to", help="The revision to go to.", metavar="REVISION")] = "head",
) -> None:
    """Bring the database of ATUM_DATABASE_URL to this version's schema; nothing happens when it has it."""
    settings = read_settings()
    steps = _Steps()
    log = logging.getLogger("alembic.runtime.migration")
    log.setLevel(logging.INFO)
    log.addHandler(steps)
    log.propagate = False
    try:
        with clear_sentences(settings):
            command.upgrade(Config(toml_file=ROOT / "pyproject.toml"), revision)
    except CommandError as error:
        raise CannotMigrate(f"The database at {place_of(settings)} cannot be migrated: {error}.") from error
    finally:
        log.removeHandler(steps)
        log.propagate = True
    done = "is up to date" if steps.count == 0 else f"took {steps.count} steps"
    print(f"The database at {place_of(settings)} {done}.")
