"""Show the metrics of this process over HTTP, for Prometheus to fetch."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import make_wsgi_app

from helpdesk.observability.metrics.process import describe
from helpdesk.observability.metrics.registry import REGISTRY

log = structlog.get_logger(__name__)

_HERE = "127.0.0.1"
# Of the parts of a request, before whoever sends it is given up.
_PATIENCE_S = 10
_STOP_WITHIN_S = 5


def serve_metrics(listen: str, *, service: str, version: str) -> Callable[[], None]:
    """Show the metrics in a thread of its own, as text or OpenMetrics; return what stops it.

    A process does its work whether anybody can look at its figures or not: what keeps them from being shown is logged.

    Args:
        listen: `HOST:PORT`, or the port alone for loopback; empty for none, port 0 for any free one, which is logged.
        service: what the process is, such as `job-worker`.
        version: of the product.
    """
    if not listen:
        return lambda: None
    describe(service=service, version=version)
    try:
        host, port = address_of(listen)
        server = _listen(host, port)
    except (OSError, ValueError) as error:
        log.warning("metrics_not_served", listen=listen, error=f"{type(error).__name__}: {error}")
        return lambda: None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    log.info("metrics_served", host=host, port=server.server_port)

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=_STOP_WITHIN_S)

    return close


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; loopback where no host is named.

    Raises:
        ValueError: there is no port in it.
    """
    host, _, port = listen.strip().rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{listen!r} is not HOST:PORT")
    return host.strip("[]") or _HERE, int(port)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # The library's own also asks the resolver for the name of the host, which may take as long as it likes.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _SixServer(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _PATIENCE_S

    def address_string(self) -> str:
        return str(self.client_address[0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        """Say nothing: a line for each scrape tells nobody anything."""


def _listen(host: str, port: int) -> _Server:
    server = (_SixServer if ":" in host else _Server)((host, port), _Handler)
    server.set_app(make_wsgi_app(REGISTRY))
    return server
