"""`python -m api`: serve the API until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys

import asyncpg
import structlog
import uvicorn
from pydantic import ValidationError
from pydantic_settings import SettingsError

from api.app import create_app
from api.listening import handed_over, open_listener, place_of
from api.supervised_server import SupervisedServer
from helpdesk.database.budget import look_at_budget
from helpdesk.database.engine import DatabaseUnavailable
from helpdesk.database.schema_version import check
from helpdesk.errors import HelpdeskError, Unavailable
from helpdesk.observability.events import configure_logging
from helpdesk.observability.tracing import tracing
from helpdesk.queue.link import Link
from helpdesk.queue.plugins import load_job_types
from helpdesk.settings import Settings
from helpdesk.supervision.notify import notify

log = structlog.get_logger(__name__)
_STOP_WITHIN_S = 20
_LOOK_AGAIN_S = 1.0
# The one that wakes workers.
_CONNECTIONS_BESIDE_THE_POOL = 1


class CannotStart(Unavailable):
    """The API cannot start."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m api", description=__doc__)
    parser.add_argument("--host", help="address to listen on (ATUM_API_HOST)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for any free one (ATUM_API_PORT)")
    options = parser.parse_args(arguments)
    try:
        settings = Settings()
        configure_logging("api", level=settings.log_level, log_format=settings.log_format)
        load_job_types()
        host = settings.api_host if options.host is None else options.host
        port = settings.api_port if options.port is None else options.port
        with tracing("api", endpoint=settings.traces_endpoint, share=settings.traces_share):
            return asyncio.run(_serve(settings, host=host, port=port))
    except SettingsError as error:
        return _refuse(f"The settings cannot be read: {error}.")
    except ValidationError as error:
        first = error.errors()[0]
        return _refuse(f"The setting {'.'.join(str(part) for part in first['loc'])} is not usable: {first['msg']}.")
    except HelpdeskError as error:
        return _refuse(error.detail)


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


async def _serve(settings: Settings, *, host: str, port: int) -> int:
    with contextlib.ExitStack() as open_sockets:
        given = [open_sockets.enter_context(each) for each in handed_over()]
        listeners = given or [open_sockets.enter_context(_listen(host, port))]
        await _wait_for_database(settings)
        config = uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
            timeout_keep_alive=30,
        )
        server = SupervisedServer(config, kept=bool(given), log_level=settings.log_level)
        for each in listeners:
            log.info("api_started", **place_of(each))
        await server.serve(sockets=listeners)
        return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    try:
        return open_listener(host, port)
    except OSError as error:
        raise CannotStart(
            f"The API cannot listen on {host}:{port} ({error.strerror}). "
            "Choose another port with --port or ATUM_API_PORT."
        ) from error


async def _wait_for_database(settings: Settings) -> None:
    """Look at the database; wait for it only where a service manager does, which gives up in its own time."""
    told = False
    while True:
        try:
            return await _check_database(settings)
        except DatabaseUnavailable as error:
            if not notify("STATUS=waiting for PostgreSQL"):
                raise
            if not told:
                log.warning("waiting_for_database", reason=error.detail)
            told = True
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _check_database(settings: Settings) -> None:
    """Find out before anything is served whether there is a database, with a schema that this version runs with."""
    connection = Link(settings, application="api", role="atum_app")
    try:
        await check(connection)
        if not settings.database_pgbouncer:
            (await look_at_budget(connection)).left(settings.database_pool_size + _CONNECTIONS_BESIDE_THE_POOL)
    except asyncpg.PostgresError as error:
        raise CannotStart(f"The database refuses the API ({error}). Check ATUM_DATABASE_URL.") from error
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
