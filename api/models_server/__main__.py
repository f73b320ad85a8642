"""Serve models: `python -m api.models_server --data DIR`."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import structlog
import uvicorn

from api.listening import CannotListen, handed_over, open_listener, place_of
from api.models_server.app import create_app
from api.models_server.runtime import Runtime
from api.release import release
from api.supervised_server import SupervisedServer
from helpdesk.ai.weights.model_catalog import MODEL_FILES
from helpdesk.errors import HelpdeskError
from helpdesk.observability.events import configure_logging
from helpdesk.observability.metrics.serving import serve_metrics
from helpdesk.supervision.notify import notify

log = structlog.get_logger(__name__)


def main() -> None:
    """Read the command line and serve until a signal comes."""
    options = _parser().parse_args()
    configure_logging("models-server")
    # Read when the text runtime loads: a waiting OpenMP thread that spins takes the core from everything else.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The web server raises the signal again after it has closed down; by then all is done.
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGINT, _exit)
    try:
        app = create_app(
            data_dir=options.data.absolute(),
            text_model=None if options.text_model == "none" else options.text_model,
            threads=options.threads,
            max_queue=options.max_queue,
            host=options.host,
        )
        listeners = _given() or [open_listener(options.host, options.port)]
    except HelpdeskError as error:
        _fail(error.detail)
    except OSError as error:
        _fail(f"Port {options.port} of {options.host} cannot be used: {error.strerror}. Choose another with --port.")
    for each in listeners:
        log.info("models_server_started", **place_of(each), text_model=options.text_model, threads=options.threads)
    serve_metrics(options.metrics_listen, service="models-server", version=release())
    config = uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    _Server(config, app.state.runtime).run(sockets=listeners)


class _Server(SupervisedServer):
    """Ends the models' work before it waits for the open connections."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._runtime.close()
        await super().shutdown(sockets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api.models_server", description="Serve models on loopback.")
    parser.add_argument("--host", type=loopback_address, default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=_between(0, 65535), default=11435)
    parser.add_argument("--data", type=Path, required=True, help="folder of the model files")
    parser.add_argument("--text-model", choices=[*MODEL_FILES, "none"], default="qwen2.5-coder:1.5b")
    parser.add_argument(
        "--threads",
        type=_between(1, 512),
        default=os.environ.get("ATUM_MODEL_THREADS") or str(max(1, (os.cpu_count() or 1) - 1)),
        help="threads a model computes with; ATUM_MODEL_THREADS, else all cores but one",
    )
    parser.add_argument(
        "--metrics-listen",
        default=os.environ.get("ATUM_METRICS_LISTEN", ""),
        help="where to show metrics, HOST:PORT, or the port alone for loopback; ATUM_METRICS_LISTEN, else nowhere",
    )
    parser.add_argument("--max-queue", type=_between(1, 10_000), default=64, help="calls of one kind that may wait")
    return parser


def loopback_address(host: str) -> str:
    """Return the loopback address that `host` means.

    Raises:
        argparse.ArgumentTypeError: others could reach it.
    """
    if host == "localhost":
        return "127.0.0.1"
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise argparse.ArgumentTypeError(f"{host} is not a loopback address, and this server has no login")


def _between(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        with suppress(ValueError):
            if least <= int(text) <= most:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")

    return number


def _given() -> list[socket.socket]:
    """Return the sockets that the service manager handed over, which have to be out of others' reach as well."""
    found = handed_over()
    for each in found:
        if each.family != socket.AF_UNIX and not ipaddress.ip_address(each.getsockname()[0]).is_loopback:
            raise CannotListen(f"{each.getsockname()[0]} is not a loopback address, and this server has no login.")
    return found


def _fail(reason: str) -> NoReturn:
    log.error("models_server_failed", reason=reason)
    sys.exit(1)


def _exit(_signal: int, _frame: FrameType | None) -> None:
    notify("STOPPING=1")
    # A prompt under evaluation holds its thread for seconds; nothing is left to save, so nobody waits for it.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
