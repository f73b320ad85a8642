"""The `atum-desk` command: its subcommands at a glance."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from helpdesk.cli.checkout import version
from helpdesk.errors import HelpdeskError
from helpdesk.observability.events import configure_logging

COMMAND = "atum-desk"

# A subcommand's module is loaded when it is asked for, so that none waits for what another one needs.
_MODULES = {
    "run": "helpdesk.cli.run.command",
    "migrate": "helpdesk.cli.migrate",
    "init": "helpdesk.cli.init",
    "import": "helpdesk.cli.import_data",
    "export": "helpdesk.cli.export",
    "report": "helpdesk.cli.report",
    "users": "helpdesk.cli.users",
    "jobs": "helpdesk.cli.jobs.command",
    "sla": "helpdesk.cli.sla",
    "rag": "helpdesk.cli.rag.command",
    "triage": "helpdesk.cli.triage",
    "ai": "helpdesk.cli.ai.command",
    "kb": "helpdesk.cli.kb",
    "metrics": "helpdesk.cli.metrics",
    "models": "helpdesk.cli.models",
    "backup": "helpdesk.cli.backup",
    "restore": "helpdesk.cli.restore",
    "doctor": "helpdesk.cli.doctor",
    "status": "helpdesk.cli.status",
}


class _Subcommands(TyperGroup):
    """Finds each subcommand in its module, as the Typer application `app`."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(_MODULES)

    def get_command(self, _context: Any, name: str) -> Any:
        if name not in _MODULES:
            return None
        command = typer.main.get_command(importlib.import_module(_MODULES[name]).app)
        command.name = name
        return command


app = typer.Typer(
    cls=_Subcommands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{COMMAND} {version()}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """A self-hosted helpdesk: tickets triaged, answered in draft and watched by their SLA."""


def main() -> None:
    """Run the command line; end with 1 and one sentence on an error of the product, with 2 on wrong usage."""
    # A command tells its own story; what the product logs beside it is shown when something is amiss.
    configure_logging("cli", level="warning")
    try:
        app(prog_name=COMMAND)
    except HelpdeskError as error:
        print(f"{COMMAND}: {error.detail}", file=sys.stderr)
        sys.exit(1)
