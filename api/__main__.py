"""`python -m api`: serve the API until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator

import asyncpg
import structlog
import uvicorn
from pydantic import ValidationError

from api.app import create_app
from helpdesk.database.budget import look_at_budget
from helpdesk.errors import HelpdeskError, Unavailable
from helpdesk.observability.events import configure_logging
from helpdesk.queue.link import Link
from helpdesk.queue.plugins import load_job_types
from helpdesk.settings import Settings

log = structlog.get_logger(__name__)
_STOP_WITHIN_S = 20
# The one that wakes workers.
_CONNECTIONS_BESIDE_THE_POOL = 1


class CannotStart(Unavailable):
    """The API cannot start."""


class _Server(uvicorn.Server):
    """uvicorn's server, for which being told to stop is a success."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            # Else the signal is raised once more, and a clean stop looks like a death.
            self._captured_signals.clear()


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
        return asyncio.run(_serve(settings, host=host, port=port))
    except ValidationError as error:
        first = error.errors()[0]
        return _refuse(f"The setting {'.'.join(str(part) for part in first['loc'])} is not usable: {first['msg']}.")
    except HelpdeskError as error:
        return _refuse(error.detail)


def _refuse(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


async def _serve(settings: Settings, *, host: str, port: int) -> int:
    with _listen(host, port) as listener:
        await _check_database(settings)
        config = uvicorn.Config(
            create_app(settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
            timeout_keep_alive=30,
        )
        server = _Server(config)
        address = listener.getsockname()
        log.info("api_started", host=address[0], port=address[1])
        await server.serve(sockets=[listener])
        return 0 if server.started else 1


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: only on such a socket does asyncio turn Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"The API cannot listen on {host}:{port} ({error.strerror}). "
            "Choose another port with --port or ATUM_API_PORT."
        ) from error
    return listener


async def _check_database(settings: Settings) -> None:
    """Find out before anything is served whether there is a database, with the product's tables in it."""
    connection = Link(settings, application="api", role="atum_app")
    try:
        migrated = (await connection.fetch("SELECT to_regclass('tickets') IS NOT NULL AS migrated"))[0]["migrated"]
        if not settings.database_pgbouncer:
            (await look_at_budget(connection)).left(settings.database_pool_size + _CONNECTIONS_BESIDE_THE_POOL)
    except asyncpg.PostgresError as error:
        raise CannotStart(f"The database refuses the API ({error}). Check ATUM_DATABASE_URL.") from error
    finally:
        await connection.close()
    if not migrated:
        raise CannotStart("The database has no tables yet. Run `atum-desk migrate` once, then start again.")


if __name__ == "__main__":
    sys.exit(main())
