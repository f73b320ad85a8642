"""A model runtime in the network of a box: scripted, and on Ollama's own port."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from tests.scripted_ollama import ScriptedOllama
from tests.systemd.box import Box

_ADDRESS = ("127.0.0.1", 11434)


class BoxModels:
    """Serves while a box is up; a box that was booted again needs it started again."""

    def __init__(self) -> None:
        self.scripted = ScriptedOllama()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, box: Box) -> None:
        """Serve in the box, in place of where it was served before."""
        self.stop()
        listener = box.in_network(socket.create_server, _ADDRESS)
        app = Starlette(routes=[Route("/{path:path}", self.scripted.answer, methods=["GET", "POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        # A socket belongs to the network that it was made in, whoever accepts on it.
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._server = server
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(5)
            self._server = None
