"""`atum-desk run`: everything on this machine, for a first look and for one desk."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console

from helpdesk.cli.configuration import read_settings
from helpdesk.cli.run.embedded import remove_database
from helpdesk.cli.run.options import Options
from helpdesk.cli.run.output import Output
from helpdesk.cli.run.place import choose_place, held
from helpdesk.cli.run.session import run_until_stopped
from helpdesk.errors import Conflict, Invalid

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class PortInUse(Conflict):
    """The port is taken."""


class OptionsDisagree(Invalid):
    """Two options exclude each other."""


@app.command()
def run(
    *,
    port: Annotated[int | None, typer.Option(help="Port of the API.", min=1, max=65535, show_default="8420")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder for the database, models and logs; by default data in the checkout.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL to use instead of the embedded one.", envvar="ATUM_DATABASE_URL")
    ] = None,
    ollama: Annotated[
        str | None, typer.Option(help="An Ollama server to use instead of the embedded models.", metavar="URL")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Use the smaller text model (0.5B).")] = False,
    no_text_model: Annotated[bool, typer.Option("--no-text-model", help="Do without a text model.")] = False,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Load no demo organisation.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove the embedded database first, and ask before.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before removing.")] = False,
) -> None:
    """Start the database, the models, the API and the workers, show what becomes of the demo tickets, and serve.

    Data is kept for the next start. Ctrl-C stops everything.
    """
    if fresh and database_url:
        raise OptionsDisagree("--fresh removes the embedded database only, and --database-url names another one.")
    settings = read_settings(api_port=port, database_url=database_url)
    folder = data or (Path(os.environ["ATUM_DATA_DIR"]) if os.environ.get("ATUM_DATA_DIR") else None)
    options = Options(
        port=settings.api_port,
        data=folder,
        database_url=database_url,
        ollama=ollama,
        demo=not no_demo,
        fresh=fresh,
        small=small,
        text_model=not no_text_model,
    )
    _start(options, Output(Console(highlight=False)), host=settings.api_host, confirmed=yes)


def _start(options: Options, output: Output, *, host: str, confirmed: bool) -> None:
    place = choose_place(options.data, embedded=options.database_url is None)
    if place.note:
        output.say(place.note, "yellow")
    with held(place):
        _ensure_port_is_free(host, options.port)
        if options.fresh:
            for path in remove_database(place, confirmed=confirmed):
                output.say(f"Removed {path}.")
        output.logs = place.logs
        try:
            asyncio.run(run_until_stopped(options, place, output))
        finally:
            output.close()


def _ensure_port_is_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"Port {port} of {host} cannot be used ({error.strerror}{_user_of(port)}); choose another with --port."
            ) from error


def _user_of(port: int) -> str:
    """Name the process that listens on a port, as far as this account may know."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return (
                    f", by {psutil.Process(connection.pid).name()}, process {connection.pid}" if connection.pid else ""
                )
    except psutil.Error:
        pass
    return ""
